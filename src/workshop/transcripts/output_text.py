"""Clean the output of a run for a page, and compare outputs of different runs."""

import re
import socket
import textwrap
from collections.abc import Iterable

ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")
NUMBER = re.compile(r"\d+(?:\.\d+)?")
FACTOR = 1.5
"""A number that changes by more than this factor may make the text around it wrong."""

NAMES = [
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "<id>"),
    (r"\[[0-9a-f]{8}…\]", "[<id>]"),
    (r"\b0x[0-9a-f]+", "<address>"),
    (r"\b\d{4}-\d\d-\d\d[T -]\d\d:?\d\d(:?\d\d([.,]\d+)?)?( ?[+-]\d\d:?\d\d)?", "<time>"),
    (r"\b\d{1,2}/[A-Z][a-z]{2}/\d{4} [\d:]+", "<time>"),
    (r"\b\d{6} \d\d:\d\d:\d\d", "<time>"),
    (r"\b\d\d:\d\d(:\d\d)?\b", "<time>"),
    (r"\b(pid:? ?)\d+(, [0-9a-f]{4}(?=\)))?", r"\1<pid>"),
    (r"\bForkPoolWorker-\d+", "ForkPoolWorker-<n>"),
    (r"_[A-Za-z0-9]{7}(?=\.\w)", "_<letters>"),
    (r"\bgen\d+@", "gen<pid>@"),
    (r"\bphoto-\d+\.jpg", "photo-<n>.jpg"),
    (r"\b(Linux|macOS|Darwin)-\S+", "<platform>"),
]
"""Text that differs in every run: ids, times, processes."""
DURATIONS = [
    (r"\b\d+m\d+(\.\d+)?s\b", "<amount>"),
    (r"\b\d+(\.\d+)?(e-\d+)? ?(s|ms|MB)\b", "<amount>"),
    (r"\(\d+ bytes not processed\)", "(<n> bytes not processed)"),
    (r"\b\d+ pages\b", "<n> pages"),
    (r"\b\d+\.\d+ times as long\b", "<n> times as long"),
]


def cleaned(text: str, root: str, ports: dict[int, int]) -> str:
    """Return `text` without colors and machine-specific text, and with the usual ports.

    root: the temporary folder that represents the clone. ports: {port of this run: usual port}.
    """
    text = ANSI.sub("", text).replace(f"{root}/", "").replace(root, "")
    for port, usual in ports.items():
        # In a table, pad a shorter number with spaces.
        text = re.sub(rf"(?<=:){port}\b(\S*  )", f"{usual}\\1" + " " * (len(str(port)) - 4), text)
        text = re.sub(rf"(?<=:){port}\b", str(usual), text)
    host = re.escape(socket.gethostname())
    text = re.sub(rf"(?<=@){host}\b|(?<=\(){host}(?=, pid)", "vm", text)
    return re.sub(r"\b(Linux)-\d\S*-(x86_64|aarch64)-", r"\1-\2-", text)


def replaced(text: str, rules: Iterable[tuple[str, str]]) -> str:
    """Replace every match of the regular expressions in `text`, line by line."""
    for pattern, with_ in rules:
        text = re.sub(pattern, with_, text, flags=re.M)
    return text


def chosen(
    lines: list[str], start="", keep="", drop="", head=None, tail=None, gap: str | None = None
) -> list[str]:
    """Return the selected lines, from the first one that contains `start`.

    keep, drop: lines must match `keep` and must not match `drop`. head, tail: the number of lines at each
    end.
    gap: a line to insert where lines were left out.
    """
    lines = lines[next((number for number, line in enumerate(lines) if re.search(start, line)), 0) :]
    wanted = [
        number
        for number, line in enumerate(lines)
        if re.search(keep, line) and not (drop and re.search(drop, line))
    ]
    if head is not None or tail is not None:
        last = len(wanted) - (tail or 0)
        wanted = [number for place, number in enumerate(wanted) if place < (head or 0) or place >= last]
    found: list[str] = []
    for before, number in zip([None, *wanted], wanted, strict=False):
        if gap is not None and before is not None and number > before + 1:
            found.append(gap)
        found.append(lines[number])
    return found


def shape(text: str, numbers: bool = False) -> str:
    """Return `text` in one line, with masks for what differs between runs. Same shape means same output.

    numbers: whether to mask all numbers, not only durations.
    """
    text = replaced(text, NAMES + DURATIONS)
    if numbers:
        text = NUMBER.sub("<n>", text)
    return " ".join(text.split())


def changed_numbers(old: str, new: str) -> list[str]:
    """Return the lines of `new` in which a number changed by more than FACTOR, with the old number.

    Returns [] if the words differ, because then the whole difference counts.
    """
    before, after = (
        [" ".join(line.split()) for line in replaced(text, NAMES).splitlines()] for text in (old, new)
    )
    if [NUMBER.sub("", line) for line in before] != [NUMBER.sub("", line) for line in after]:
        before, after = [" ".join(before)], [" ".join(after)]  # perhaps only the line breaks differ
        if NUMBER.sub("", before[0]) != NUMBER.sub("", after[0]):
            return []
    found = []
    for one, two in zip(before, after, strict=True):
        pairs = list(zip(NUMBER.findall(one), NUMBER.findall(two), strict=True))
        changed = [f"{was} → {now}" for was, now in pairs if _differ(float(was), float(now))]
        if changed:
            found.append(f"{', '.join(changed)}   in: {textwrap.shorten(two, 90, placeholder=' …')}")
    return found


def _differ(one: float, two: float) -> bool:
    low, high = sorted((one, two))
    return high > low * FACTOR

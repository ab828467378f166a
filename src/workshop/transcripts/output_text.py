"""The text of a run as a page shows it, and what of it may differ from one run to the next."""

import re
import socket
import textwrap
from collections.abc import Iterable

ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")
NUMBER = re.compile(r"\d+(?:\.\d+)?")
FACTOR = 1.5
"""A number that changed by more than this, in either direction, may make the words around it wrong."""

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
"""What names a thing of this one run: ids, moments, processes."""
DURATIONS = [
    (r"\b\d+m\d+(\.\d+)?s\b", "<amount>"),
    (r"\b\d+(\.\d+)?(e-\d+)? ?(s|ms|MB)\b", "<amount>"),
    (r"\(\d+ bytes not processed\)", "(<n> bytes not processed)"),
    (r"\b\d+ pages\b", "<n> pages"),
    (r"\b\d+\.\d+ times as long\b", "<n> times as long"),
]


def cleaned(text: str, root: str, ports: dict[int, int]) -> str:
    """`text` without colours, without what is this machine's own, and with the usual ports.

    root: the temporary folder that stands for the clone. ports: {the port of this run: the usual one}.
    """
    text = ANSI.sub("", text).replace(f"{root}/", "").replace(root, "")
    for port, usual in ports.items():
        # In a table a shorter number leaves more room behind it.
        text = re.sub(rf"(?<=:){port}\b(\S*  )", f"{usual}\\1" + " " * (len(str(port)) - 4), text)
        text = re.sub(rf"(?<=:){port}\b", str(usual), text)
    host = re.escape(socket.gethostname())
    text = re.sub(rf"(?<=@){host}\b|(?<=\(){host}(?=, pid)", "vm", text)
    return re.sub(r"\b(Linux)-\d\S*-(x86_64|aarch64)-", r"\1-\2-", text)


def replaced(text: str, rules: Iterable[tuple[str, str]]) -> str:
    """`text` with each regular expression replaced, line by line."""
    for pattern, with_ in rules:
        text = re.sub(pattern, with_, text, flags=re.M)
    return text


def chosen(
    lines: list[str], start="", keep="", drop="", head=None, tail=None, gap: str | None = None
) -> list[str]:
    """From the first line with `start`, those that fit `keep` and not `drop`; of these so many at each end.

    gap: a line that stands for what was left out between two others.
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
    """`text` with a mask for what differs from run to run, in one line: equal shapes mean the same output.

    numbers: masks all numbers, also those that are no durations.
    """
    text = replaced(text, NAMES + DURATIONS)
    if numbers:
        text = NUMBER.sub("<n>", text)
    return " ".join(text.split())


def changed_numbers(old: str, new: str) -> list[str]:
    """The lines of `new` in which a number changed by more than FACTOR, with what it was.

    Empty where the outputs have other words: then the whole difference counts.
    """
    before, after = (
        [" ".join(line.split()) for line in replaced(text, NAMES).splitlines()] for text in (old, new)
    )
    if [NUMBER.sub("", line) for line in before] != [NUMBER.sub("", line) for line in after]:
        before, after = [" ".join(before)], [" ".join(after)]  # perhaps they are only broken elsewhere
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

"""Prepare the output of a command for a page, and compare the outputs of different runs."""

import re
import socket
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass

ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")
NUMBER = re.compile(r"\d+(?:\.\d+)?")
FACTOR = 1.5
"""If a number changes by more than this factor, the text on the page may no longer be true."""

MASKS = [
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
"""Masks for text that differs in every run, such as task IDs, times and process IDs."""
DURATION_MASKS = [
    (r"\b\d+m\d+(\.\d+)?s\b", "<amount>"),
    (r"\b\d+(\.\d+)?(e-\d+)? ?(s|ms|MB)\b", "<amount>"),
    (r"\(\d+ bytes not processed\)", "(<n> bytes not processed)"),
    (r"\b\d+ pages\b", "<n> pages"),
    (r"\b\d+\.\d+ times as long\b", "<n> times as long"),
]


def cleaned(text: str, root: str, ports: dict[int, int]) -> str:
    """Return `text` without colors and machine-specific parts, and with the usual ports.

    Args:
        text: The output of a command.
        root: The temporary folder that takes the place of the clone.
        ports: The port to show on the page for each port of this run.
    """
    text = ANSI.sub("", text).replace(f"{root}/", "").replace(root, "")
    for port, usual in ports.items():
        # In a table, pad a shorter port number with spaces to keep the columns aligned.
        text = re.sub(rf"(?<=:){port}\b(\S*  )", f"{usual}\\1" + " " * (len(str(port)) - 4), text)
        text = re.sub(rf"(?<=:){port}\b", str(usual), text)
    host = re.escape(socket.gethostname())
    text = re.sub(rf"(?<=@){host}\b|(?<=\(){host}(?=, pid)", "vm", text)
    return re.sub(r"\b(Linux)-\d\S*-(x86_64|aarch64)-", r"\1-\2-", text)


def replaced(text: str, rules: Iterable[tuple[str, str]]) -> str:
    """Return `text` with the matches of each regular expression replaced, line by line.

    Args:
        text: The output of a command.
        rules: Pairs of a regular expression and its replacement.
    """
    for pattern, replacement in rules:
        text = re.sub(pattern, replacement, text, flags=re.M)
    return text


@dataclass(frozen=True)
class Selection:
    """Selects which lines of an output a page shows.

    Attributes:
        start: A regular expression. The lines before the first matching line are left out.
        keep: A regular expression. The lines that do not match this expression are left out.
        drop: A regular expression. The lines that match this expression are left out.
        head: The number of lines to show from the start. None means all lines, or no lines if `tail` is set.
        tail: The number of lines to show from the end.
        gap: The line to insert wherever lines were left out.
    """

    start: str = ""
    keep: str = ""
    drop: str = ""
    head: int | None = None
    tail: int | None = None
    gap: str | None = None

    def of(self, lines: list[str]) -> list[str]:
        """Return the lines that the page shows."""
        first = next((number for number, line in enumerate(lines) if re.search(self.start, line)), 0)
        numbers = [
            number
            for number, line in enumerate(lines)
            if number >= first
            and re.search(self.keep, line)
            and not (self.drop and re.search(self.drop, line))
        ]
        if self.head is not None or self.tail is not None:
            head, tail = self.head or 0, len(numbers) - (self.tail or 0)
            numbers = numbers[:head] + numbers[max(head, tail) :]
        selected: list[str] = []
        for place, number in enumerate(numbers):
            if self.gap is not None and place and number > numbers[place - 1] + 1:
                selected.append(self.gap)
            selected.append(lines[number])
        return selected


def masked(text: str, numbers: bool = False) -> str:
    """Return `text` on one line, with masks in place of the parts that differ between runs.

    Args:
        text: The output of a command. Two outputs count as the same if they are equal after masking.
        numbers: Whether to mask all numbers instead of only durations.
    """
    text = replaced(text, MASKS + DURATION_MASKS)
    if numbers:
        text = NUMBER.sub("<n>", text)
    return " ".join(text.split())


def changed_numbers(old: str, new: str) -> list[str]:
    """Compare the numbers in two outputs that contain the same words.

    Returns:
        One entry for each line in which a number has changed by more than FACTOR, with the old and the new
        number. The list is empty if the words differ, because in that case the whole difference matters.
    """
    before, after = _masked_lines(old), _masked_lines(new)
    if _words(before) != _words(after):
        before, after = [" ".join(before)], [" ".join(after)]  # perhaps only the line breaks differ
        if _words(before) != _words(after):
            return []
    report = []
    for old_line, new_line in zip(before, after, strict=True):
        pairs = zip(NUMBER.findall(old_line), NUMBER.findall(new_line), strict=True)
        changes = [f"{was} → {now}" for was, now in pairs if _differ(float(was), float(now))]
        if changes:
            shown = textwrap.shorten(new_line, 90, placeholder=" …")
            report.append(f"{', '.join(changes)}   in: {shown}")
    return report


def _masked_lines(text: str) -> list[str]:
    return [" ".join(line.split()) for line in replaced(text, MASKS).splitlines()]


def _words(lines: list[str]) -> list[str]:
    return [NUMBER.sub("", line) for line in lines]


def _differ(one: float, two: float) -> bool:
    return max(one, two) > min(one, two) * FACTOR

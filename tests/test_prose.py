"""The language of the lessons: patterns of home-made words and odd syntax, each with what to write instead.

The patterns find only a part of the odd sentences. `./workshop dev sentences` draws some at random, to read.
"""

import re
from pathlib import Path

import pytest

from workshop import paths
from workshop.course import lessons
from workshop.dev import sentences

REWRITTEN = ["01-sync", "02-celery-basics", "03-images", "04-flower", "05-beat"]
"""The lessons that the patterns hold for."""

PATTERNS = {
    r"\bfor ever\b": "forever",
    r"\bby (itself|themselves)\b": "automatically, on its own",
    r"\bmeanwhile\b": "in the meantime, or nothing",
    r"\b(of|for) (its|their|your) own\b": "its own …, a separate …",
    r"(?<!there )(?<!There )\b(is|are|was|were) (no|none)\b(?! longer| more)": "is not",
    r"^What\b.*[^?]$|^Who(ever)?\b.*[^?]$|\b[Ww]hoever\b": "name the actor",
    r"^(Is|Are|Was|Were|Has|Have|Had|Should)\b.*[^?:`]$": "if …",
    r"^Of (the|a|an|these|those|all)\b": "subject, verb, object",
    r"\b(nobody|somebody) (said|says|is there|was there|takes|took|stops|keeps|else)\b": "name the actor",
    r"\b(begun|began)\b|\bto begin\b(?! with)|\bbegins? at once\b": "start, started",
    r"\bcures?\b": "fix",
    r"\bfaults?\b(?![- ]injection)": "failure, error",
    r"\bwhole name\b": "full task name",
    r"\b(a|two|one|every|each) beats?\b(?! process)": "Celery beat, two beat processes",
    r"\b(?<!e-)(?<!data/)mails?\b(?! (server|program))": "email",
    r"\bbehind the work\b": "after the work",
    r"\bat work\b": "running",
    r"\bin its hands\b": "reserved, or unacknowledged",
    r"\btak(e|es|en|ing) ahead\b": "prefetch",
    r"\bgiven up\b": "marked as failed, retries exhausted",
    r"\bcall(s|ed|ing)? off\b": "revoke",
    r"\b(tried|tries) again\b|\bsent again\b": "retried, re-sent",
    r"\b(lies|lie|stands|stand) (in|on|there|behind|beside)\b": "is in",
    r"\b(is|are|was|were) away\b": "is unavailable, is down",
    r"\bsteer(s|ing)?\b": "control",
    r"\b(a|the) handles?\b": "AsyncResult",
    r"\bin words\b": "readable",
    r"\bhow far (it|you|they) (is|are)\b": "progress",
    r"\bmade up for\b": "catches up",
    r"\bbelongs? into\b": "belongs in",
    r"\b(un)?tried\b(?! to\b)": "tested",
    r"\bpacks?\b": "ZIP export",
    r";[^;]*;": "short sentences",
    r":(?!//)(?=\s)[^:]*:(?=\s)": "one colon in a sentence",
}

SHAPES = ("name the actor", "one colon in a sentence", "short sentences")
"""Not for definition lists, table cells and docstrings, which use colons and semicolons, and headings."""

EXCEPTIONS = {
    "a message of another program": re.compile(r"Trying again in|CELERY_TIMEZONE: Asia|but current is none$"),
    "what the page says to a visitor": re.compile(r"We tried several times"),
    "headings that every lesson has": re.compile(r"^What (can go wrong|you have now)$"),
    "code, where colons mean something else": re.compile(r"[={@]"),
    "a question that a program asks": re.compile(r"^Is (one running, and does|another program on)"),
    "an anchor that other pages link to": re.compile(r"\(#tried\)"),
}
"""Sentences that stay as they are, and why."""


def problems(sentence: str, leave_out: tuple[str, ...] = ()) -> list[str]:
    """The odd words in `sentence`, each with what to write instead. leave_out: patterns that don't apply."""
    if any(exception.search(sentence) for exception in EXCEPTIONS.values()):
        return []
    text = re.sub(r"`[^`]*`", "`…`", sentence)
    found = (
        (re.search(pattern, text), instead)
        for pattern, instead in PATTERNS.items()
        if instead not in leave_out
    )
    return [f"{match[0]!r} -> {instead}" for match, instead in found if match]


@pytest.mark.parametrize("name", REWRITTEN)
def test_lesson_is_in_plain_english(name):
    found = [
        f"{sentence}\n    {'; '.join(said)}"
        for sentence in sentences.of_lesson(lessons.find(name))
        if (said := problems(sentence.text))
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("texts", [sentences.of_pages, sentences.of_tool])
def test_other_texts_are_in_plain_english(texts):
    found = [
        f"{sentence}\n    {'; '.join(said)}"
        for sentence in texts()
        if (said := problems(sentence.text, leave_out=SHAPES))
    ]
    assert not found, "\n".join(found)


def test_terminal_outputs_are_in_plain_english():
    """Without the commands in them, which start with a dollar sign."""
    found = [
        f"{paths.shown(file)}:{number}: {line.strip()}\n    {'; '.join(said)}"
        for file in sorted((paths.DOCS / "runs").rglob("*.txt"))
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
        if not line.startswith("$ ") and (said := problems(line.strip(), leave_out=SHAPES))
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "sentence",
    [
        "The task stays PENDING for ever.",
        "Who unpickles a message runs the code in it.",
        "Of the second Flower heard the end only.",
        "Is the disk full for a month, no backup is made.",
        "The upload is no transaction.",
        "Beat is a process of its own.",
        "The message lies in the queue.",
        "There was nothing to do, and nobody said so.",
        "What has to last belongs into your database.",
        "The storage is away.",
    ],
)
def test_odd_sentences_are_found(sentence):
    assert problems(sentence)


@pytest.mark.parametrize(
    "sentence",
    [
        "There is no broker.",
        "What would happen if two albums arrived at the same moment?",
        "The state is no longer PENDING.",
        "Celery reads the settings that begin with CELERY_.",
        "Send an email.",
        "Is a worker running?",
    ],
)
def test_plain_sentences_are_not(sentence):
    assert problems(sentence) == []


def test_every_kind_of_text_is_read():
    files = {Path(sentence.file).suffix for sentence in sentences.of_lesson(lessons.find("02"))}
    assert files == {".md", ".toml", ".py", ".ipynb", ".svg"}


def test_a_sample_is_the_same_for_the_same_seed():
    known = sentences.of_lesson(lessons.find("02"))
    assert sentences.sample(known, 20, 7) == sentences.sample(known, 20, 7)
    assert sentences.sample(known, 20, 7) != sentences.sample(known, 20, 8)

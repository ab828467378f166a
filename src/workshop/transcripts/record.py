"""`./workshop dev runs`: record the terminal outputs on the pages again by running their commands."""

import difflib
from pathlib import Path

from workshop import paths
from workshop.console import say, verbatim
from workshop.errors import WorkshopError
from workshop.transcripts import manifest, output_text
from workshop.transcripts.made_by import MadeBy


def main(names: list[str], check: bool = False, to: Path | None = None) -> int:
    """Record the outputs in `names` (default: all) again, and print what has changed.

    check: run only the quick ones and compare them, without writing files. to: write to this folder instead.
    Returns 1 if a run failed or `check` found a difference.
    """
    failed = False
    for entry in _meant(names, check):
        title = f"{entry.folder.name}/{{{', '.join(entry.files)}}}"
        try:
            made = entry.make()
        except WorkshopError as error:
            failed = True
            say(f"{title}: {error}", "red")
            continue
        for name, text in made.items():
            old = _old(entry.folder / name)
            if check:
                same = output_text.shape(old) == output_text.shape(text)
                failed = failed or not same
                verbatim("\n".join(_report(entry.folder, name, text if same else old, text)))
                continue
            verbatim("\n".join(_report(entry.folder, name, old, text)))
            file = (to / entry.folder.name if to else entry.folder) / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
    return 1 if failed else 0


def pages(folder: Path, name: str) -> list[str]:
    """Return the pages that show the output."""
    wanted = f'"{folder.relative_to(paths.DOCS).as_posix()}/{name}"'
    return [
        paths.shown(page)
        for page in sorted(paths.DOCS.rglob("*.md"))
        if wanted in page.read_text(encoding="utf-8")
    ]


def _meant(names: list[str], quick: bool) -> list[manifest.Entry | MadeBy]:
    every = [entry for folder in manifest.folders() for entry in folder.entries]
    found = []
    for name in names or [""]:
        place, _, file = name.removesuffix(".txt").partition("/")
        fits = [
            entry
            for entry in every
            if place in ("", entry.folder.name) and (not file or f"{file}.txt" in entry.files)
        ]
        if not fits:
            raise WorkshopError(_unknown(place, file))
        found += fits
    if quick and not any(entry.quick for entry in found):
        raise WorkshopError(f"None of these is quick: {', '.join(names)}. Leave out --check to run them.")
    return [entry for entry in every if entry in found and (entry.quick or not quick)]


def _unknown(place: str, file: str) -> str:
    for folder in manifest.folders():
        for kind, why in folder.by_hand.items():
            if folder.path.name == place and kind == f"{file}.txt":
                return f"{place}/{kind} is created by hand: {why}"
    known = ", ".join(folder.path.name for folder in manifest.folders())
    return f'No output is called "{place}{"/" if file else ""}{file}". Name a folder ({known}), or 03/killed.'


def _report(folder: Path, name: str, old: str, new: str) -> list[str]:
    """Return lines that say whether an output has changed, and which pages show it."""
    same = output_text.shape(old, numbers=True) == output_text.shape(new, numbers=True)
    numbers = output_text.changed_numbers(old, new)
    if same and not numbers:
        return [f"{folder.name}/{name}  unchanged"]
    where = ", ".join(pages(folder, name)) or "not on any page"
    if numbers:
        return [f"{folder.name}/{name}  numbers have changed: {where}", *(f"    {line}" for line in numbers)]
    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), "before", "now", lineterm="", n=0)
    return [f"{folder.name}/{name}  words have changed: {where}", *(f"    {line}" for line in lines)]


def _old(file: Path) -> str:
    return file.read_text(encoding="utf-8") if file.is_file() else ""

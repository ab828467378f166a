"""`./workshop dev runs`: run the commands whose output the pages show, and record the output again."""

import difflib
from pathlib import Path

from workshop import paths
from workshop.console import say, verbatim
from workshop.errors import WorkshopError
from workshop.transcripts import manifest, output_text
from workshop.transcripts.made_by import MadeBy


def main(names: list[str], check: bool = False, to: Path | None = None) -> int:
    """Record outputs again, and print which outputs have changed.

    Args:
        names: The names of folders or outputs, such as "03" and "03/killed". An empty list means all outputs.
        check: Whether to compare only the quick outputs with the existing files, without writing files.
        to: The folder to write the outputs to. None means that the existing outputs are replaced.

    Returns:
        The exit code, which is 1 if a run failed or if `check` found a difference.

    Raises:
        WorkshopError: If a name is unknown, or if `check` is True and no selected output is quick.
    """
    failed = False
    for entry in _selected(names, check):
        try:
            outputs = entry.record()
        except WorkshopError as error:
            failed = True
            say(f"{entry.folder.name}/{{{', '.join(entry.files)}}}: {error}", "red")
            continue
        for name, text in outputs.items():
            file = entry.folder / name
            old = file.read_text(encoding="utf-8") if file.is_file() else ""
            if check and output_text.masked(old) == output_text.masked(text):
                old = text  # only durations or IDs differ
            verbatim("\n".join(_report(entry.folder, name, old, text)))
            if check:
                failed = failed or old != text
                continue
            target = to / entry.folder.name / name if to else file
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
    return 1 if failed else 0


def _selected(names: list[str], quick: bool) -> list[manifest.Entry | MadeBy]:
    folders = manifest.folders()
    entries = [entry for folder in folders for entry in folder.entries]
    selected = []
    for name in names or [""]:
        place, _, output = name.removesuffix(".txt").partition("/")
        matching = [
            entry
            for entry in entries
            if place in ("", entry.folder.name) and (not output or f"{output}.txt" in entry.files)
        ]
        if not matching:
            raise WorkshopError(_unknown(folders, place, output))
        selected += matching
    if quick and not any(entry.quick for entry in selected):
        raise WorkshopError(
            f"--check runs only quick commands, and none of these are quick: {', '.join(names)}. "
            "Leave out --check."
        )
    return [entry for entry in entries if entry in selected and (entry.quick or not quick)]


def _unknown(folders: list[manifest.Folder], place: str, output: str) -> str:
    """Return the error message for an unknown name."""
    for folder in folders:
        reason = folder.by_hand.get(f"{output}.txt")
        if folder.path.name == place and reason:
            return f"{place}/{output}.txt is created by hand: {reason}"
    known = ", ".join(folder.path.name for folder in folders)
    name = f"{place}/{output}" if output else place
    return (
        f'There is no output named "{name}". Specify a folder ({known}) or a single output, '
        "such as 03/killed."
    )


def _report(folder: Path, name: str, old: str, new: str) -> list[str]:
    """Return lines that say whether an output has changed, and if so, on which pages it is shown."""
    same = output_text.masked(old, numbers=True) == output_text.masked(new, numbers=True)
    numbers = output_text.changed_numbers(old, new)
    if same and not numbers:
        return [f"{folder.name}/{name}  unchanged"]
    where = ", ".join(_pages(folder, name)) or "not on any page"
    if numbers:
        return [f"{folder.name}/{name}  numbers have changed: {where}", *(f"    {line}" for line in numbers)]
    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), "before", "now", lineterm="", n=0)
    return [f"{folder.name}/{name}  words have changed: {where}", *(f"    {line}" for line in lines)]


def _pages(folder: Path, name: str) -> list[str]:
    """Return the paths of the pages that show the output `name`."""
    include = f'"{folder.relative_to(paths.DOCS).as_posix()}/{name}"'
    pages = sorted(paths.DOCS.rglob("*.md"))
    return [paths.shown(page) for page in pages if include in page.read_text(encoding="utf-8")]

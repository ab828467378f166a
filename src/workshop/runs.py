"""`./workshop dev runs`: the terminal outputs that the pages show, made again by running what they show.

A folder below docs/runs/ has a runs.toml. `[[stage]]` is a state of a project and what runs beside it, as
`runs_stage.Stage` takes it; its `commands` are run in order, and those with a `file` are shown there:

    run       what is run, by bash in the project; `cwd` is another folder, from the workshop's root
    shown     how the page shows it behind "$ ", where that is not `run`; an output that begins with "$ " says
              itself which commands it is of
    log       instead of what `run` prints: what this process has written; `until`, `times`: wait for that
    start, keep, drop, head, tail, gap     which lines (runs_text.chosen)
    width     where long lines are broken; for all outputs of the folder at the top of the file
    replace   [regular expression, text]; for all outputs of the folder at the top of the file
    quick     (of a stage) is run by `--check`

`[by_hand]` says of an output why no command makes it, and how it is made; `[made_by]` names another command.
An output that is listed nowhere comes from the script of its name: pools.txt from `python …/pools.py`.
"""

import difflib
import re
import signal
import tomllib
from dataclasses import dataclass, field, fields
from pathlib import Path

from . import lessons, paths, runs_text
from .console import console
from .errors import WorkshopError
from .runs_stage import Stage

OF_STAGE = ("lesson", "state", "edits", "broker", "beside", "processes", "photos", "env")


@dataclass(frozen=True)
class Command:
    """One command of a stage; `file` is empty where it only prepares the next one."""

    run: str = ""
    file: str = ""
    shown: str = ""
    cwd: str | None = None
    log: str = ""
    until: str = ""
    times: int = 1
    start: str = ""
    keep: str = ""
    drop: str = ""
    head: int | None = None
    tail: int | None = None
    gap: str | None = None
    width: int | None = None
    replace: list = field(default_factory=list)


@dataclass(frozen=True)
class Entry:
    """One `[[stage]]` of the folder's manifest."""

    folder: Path
    stage: dict
    commands: list[Command]
    quick: bool
    width: int
    replace: list

    @property
    def files(self) -> list[str]:
        return list(dict.fromkeys(command.file for command in self.commands if command.file))

    def make(self) -> dict[str, str]:
        """Run it; returns {file: text}. Raises WorkshopError when something does not start or never comes."""
        texts: dict[str, list[str]] = {name: [] for name in self.files}
        with Stage(**self.stage, width=self.width) as stage:
            for command in self.commands:
                said = stage.run(command.run, command.cwd) if command.run else ""
                if command.log:
                    said = stage.log(command.log, command.until, command.times)
                if command.file:
                    texts[command.file] += self._lines(command, stage, said)
        return {name: "\n".join(lines) + "\n" for name, lines in texts.items()}

    def _lines(self, command: Command, stage: Stage, said: str) -> list[str]:
        text = runs_text.cleaned(said, str(stage.root), stage.usual_ports)
        lines = runs_text.replaced(text, [*command.replace, *self.replace]).rstrip().splitlines()
        choice = ("start", "keep", "drop", "head", "tail", "gap")
        lines = runs_text.chosen(lines, **{name: getattr(command, name) for name in choice})
        if lines and lines[0].startswith("$ "):
            return lines
        return [f"$ {command.shown or command.run}", *runs_text.wrapped(lines, command.width or self.width)]


@dataclass(frozen=True)
class Folder:
    """A folder with outputs: its entries, and {file: why} for those that no entry makes."""

    path: Path
    entries: list[Entry]
    by_hand: dict[str, str]
    made_by: dict[str, str]

    @property
    def listed(self) -> list[str]:
        found = [name for entry in self.entries for name in entry.files]
        return [*found, *self.by_hand, *self.made_by]


def folders() -> list[Folder]:
    """All folders that have a manifest, a script or an output. Raises WorkshopError for a wrong manifest."""
    found = sorted(file.parent for file in (paths.DOCS / "runs").glob("*/*.txt"))
    return [read(path) for path in dict.fromkeys(found)]


def read(path: Path) -> Folder:
    """The folder `path`. Raises WorkshopError, with the file's name, when its manifest is wrong."""
    file = path / "runs.toml"
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
        entries = [_entry(path, content, stage) for stage in content.get("stage", [])]
    except (ValueError, TypeError, KeyError) as error:
        raise WorkshopError(f"{paths.shown(file)} cannot be read: {error}.") from error
    folder = Folder(path, entries, content.get("by_hand", {}), content.get("made_by", {}))
    for output in sorted(path.glob("*.txt")):
        script = path / f"{output.stem.replace('-', '_')}.py"
        if output.name not in folder.listed and script.is_file():
            command = f"python {script.relative_to(paths.ROOT).as_posix()}"
            stage = {"commands": [{"run": command, "cwd": ".", "file": output.name}]}
            entries.append(_entry(path, content, stage))
    return folder


def main(names: list[str], check: bool = False, to: Path | None = None) -> int:
    """Make the outputs again that `names` mean (all, if none), write them, and print what changed.

    check: only the quick ones; they are compared, and nothing is written. to: write below this folder.
    Returns 1 when a run failed, or `check` found a difference.
    """
    for number in (signal.SIGINT, signal.SIGTERM):  # else an end from outside leaves brokers and workers
        signal.signal(number, signal.default_int_handler)
    failed = False
    for entry in _meant(names, check):
        title = f"{entry.folder.name}/{{{', '.join(entry.files)}}}"
        try:
            made = entry.make()
        except WorkshopError as error:
            failed = True
            _say(f"{title}: {error}", "red")
            continue
        for name, text in made.items():
            old = _old(entry.folder / name)
            failed = failed or (check and runs_text.shape(old) != runs_text.shape(text))
            _say("\n".join(_report(entry.folder, name, old, text)))
            if not check:
                file = (to / entry.folder.name if to else entry.folder) / name
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text, encoding="utf-8")
    return 1 if failed else 0


def pages(folder: Path, name: str) -> list[str]:
    """The pages that show the output."""
    wanted = f'"{folder.relative_to(paths.DOCS).as_posix()}/{name}"'
    return [
        paths.shown(page)
        for page in sorted(paths.DOCS.rglob("*.md"))
        if wanted in page.read_text(encoding="utf-8")
    ]


def _entry(path: Path, content: dict, stage: dict) -> Entry:
    lesson = path.name if re.fullmatch(r"\d\d", path.name) else lessons.all_lessons()[-1].code
    given = {name: stage[name] for name in OF_STAGE if name in stage}
    known = {each.name for each in fields(Command)}
    for command in stage["commands"]:
        if wrong := command.keys() - known:
            raise ValueError(f"a command has no {', '.join(sorted(wrong))}")
    if wrong := stage.keys() - {*OF_STAGE, "commands", "quick"}:
        raise ValueError(f"a stage has no {', '.join(sorted(wrong))}")
    return Entry(
        folder=path,
        stage={"lesson": lesson} | given,
        commands=[Command(**command) for command in stage["commands"]],
        quick=stage.get("quick", False),
        width=content.get("width", 100),
        replace=content.get("replace", []),
    )


def _meant(names: list[str], quick: bool) -> list[Entry]:
    every = [entry for folder in folders() for entry in folder.entries]
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
    return [entry for entry in every if entry in found and (entry.quick or not quick)]


def _unknown(place: str, file: str) -> str:
    for folder in folders():
        for kind, why in (folder.made_by | folder.by_hand).items():
            if folder.path.name == place and kind == f"{file}.txt":
                return f"{place}/{kind} is made otherwise: {why}"
    known = ", ".join(folder.path.name for folder in folders())
    return f'No output is called "{place}{"/" if file else ""}{file}". Name a folder ({known}), or 03/killed.'


def _report(folder: Path, name: str, old: str, new: str) -> list[str]:
    """What became of an output, and which pages to look at where numbers or words are others now."""
    same = runs_text.shape(old, numbers=True) == runs_text.shape(new, numbers=True)
    numbers = runs_text.changed_numbers(old, new)
    if same and not numbers:
        return [f"{folder.name}/{name}  as before"]
    where = ", ".join(pages(folder, name)) or "no page shows it"
    if numbers:
        return [f"{folder.name}/{name}  other numbers: {where}", *(f"    {line}" for line in numbers)]
    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), "before", "now", lineterm="", n=0)
    return [f"{folder.name}/{name}  other words: {where}", *(f"    {line}" for line in lines)]


def _old(file: Path) -> str:
    return file.read_text(encoding="utf-8") if file.is_file() else ""


def _say(text: str, style: str = "") -> None:
    console.print(text, style=style, markup=False, soft_wrap=True)

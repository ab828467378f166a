"""The manifests of the terminal outputs: docs/runs/NN/runs.toml.

`[[stage]]` is a state of a project and what runs beside it, as `runs_stage.Stage` takes it; its `commands`
are run in order, and those with a `file` are shown there:

    run       what is run, by bash in the project; `cwd` is another folder, from the workshop's root
    shown     how the page shows it behind "$ ", where that is not `run`; an output that begins with "$ " says
              itself which commands it is of
    log       instead of what `run` prints: what this process has written; `until`, `times`: wait for that
    start, keep, drop, head, tail, gap     which lines (runs_text.chosen)
    traceback true, if the output is meant to show one
    replace   [regular expression, text]; for all outputs of the folder at the top of the file
    quick     (of a stage) is run by `--check`

`[by_hand]` says of an output why no command makes it, and how it is made; `[made_by]` names another command.
An output that is listed nowhere comes from the script of its name: pools.txt from `python …/pools.py`.
"""

import re
import tomllib
from dataclasses import dataclass, field, fields
from pathlib import Path

from workshop import paths
from workshop.course import lessons
from workshop.errors import WorkshopError
from workshop.transcripts import output_text
from workshop.transcripts.stage import Stage

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
    traceback: bool = False
    replace: list = field(default_factory=list)


@dataclass(frozen=True)
class Entry:
    """One `[[stage]]` of the folder's manifest."""

    folder: Path
    stage: dict
    commands: list[Command]
    quick: bool
    replace: list

    @property
    def files(self) -> list[str]:
        return list(dict.fromkeys(command.file for command in self.commands if command.file))

    def make(self) -> dict[str, str]:
        """Run it; returns {file: text}. Raises WorkshopError when something does not start or never comes."""
        texts: dict[str, list[str]] = {name: [] for name in self.files}
        with Stage(**self.stage) as stage:
            for command in self.commands:
                said = stage.run(command.run, command.cwd) if command.run else ""
                if command.log:
                    said = stage.log(command.log, command.until, command.times)
                if command.file:
                    texts[command.file] += self._lines(command, stage, said)
        return {name: "\n".join(lines) + "\n" for name, lines in texts.items()}

    def _lines(self, command: Command, stage: Stage, said: str) -> list[str]:
        text = output_text.cleaned(said, str(stage.root), stage.usual_ports)
        lines = output_text.replaced(text, [*command.replace, *self.replace]).rstrip().splitlines()
        choice = ("start", "keep", "drop", "head", "tail", "gap")
        lines = output_text.chosen(lines, **{name: getattr(command, name) for name in choice})
        if not command.traceback and any(line.startswith("Traceback (most recent") for line in lines):
            raise WorkshopError(f"{command.file} would show a traceback, and is left as it is:\n{said}")
        while lines and not lines[-1]:
            lines.pop()
        if not (lines and lines[0].startswith("$ ")):
            lines.insert(0, f"$ {command.shown or command.run}")
        return [line.rstrip() for line in lines]


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
    found = sorted(file.parent for file in (paths.DOCS / "runs").rglob("*.txt"))
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
        replace=content.get("replace", []),
    )

"""The manifests of the terminal outputs: docs/runs/NN/runs.toml.

`[[stage]]` describes the state of a project and its processes (see `workshop.transcripts.stage.Stage`). Its
`commands` run in order. The output of a command with a `file` is written to that file. Keys of a command:

    run       the command, run by bash in the project; `cwd` is another folder, relative to the workshop
    shown     the command as the page shows it after "$ " (default: `run`); an output that starts with "$ "
              already contains its commands
    log       show the log of this process instead; `until`, `times`: wait until the log contains this text
    start, keep, drop, head, tail, gap     select lines (see `output_text.chosen`)
    traceback true if the output may contain a traceback
    replace   [regular expression, text]; at the top of the file, it applies to all outputs of the folder
    quick     (key of a stage) whether `--check` runs the stage

`[made_by]` names a command that writes the output's file (see `workshop.transcripts.made_by`). `[by_hand]`
says why no command can create an output, and how to create it. An output that is not listed comes from the
script with its name: every-state.txt from `python …/every_state.py`.
"""

import re
import tomllib
from dataclasses import dataclass, field, fields
from pathlib import Path

from workshop import paths
from workshop.course import lessons
from workshop.errors import WorkshopError
from workshop.transcripts import output_text
from workshop.transcripts.made_by import MadeBy
from workshop.transcripts.stage import Stage

OF_STAGE = ("lesson", "state", "edits", "broker", "beside", "processes", "photos", "env")


@dataclass(frozen=True)
class Command:
    """A command of a stage. `file` is empty if the command only prepares the next one."""

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
    """A `[[stage]]` of the folder's manifest."""

    folder: Path
    stage: dict
    commands: list[Command]
    quick: bool
    replace: list

    @property
    def files(self) -> list[str]:
        return list(dict.fromkeys(command.file for command in self.commands if command.file))

    def make(self) -> dict[str, str]:
        """Run the commands.

        Returns {file: text}. Raises WorkshopError if a process does not start or times out.
        """
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
            raise WorkshopError(
                f"{command.file} would contain a traceback, so the file is not changed:\n{said}"
            )
        while lines and not lines[-1]:
            lines.pop()
        if not (lines and lines[0].startswith("$ ")):
            lines.insert(0, f"$ {command.shown or command.run}")
        return [line.rstrip() for line in lines]


@dataclass(frozen=True)
class Folder:
    """A folder with outputs: its entries, and {file: reason} for outputs that no entry creates."""

    path: Path
    entries: list[Entry | MadeBy]
    by_hand: dict[str, str]

    @property
    def listed(self) -> list[str]:
        found = [name for entry in self.entries for name in entry.files]
        return [*found, *self.by_hand]


def folders() -> list[Folder]:
    """Return all folders with a manifest, a script or an output.

    Raises WorkshopError for an invalid manifest.
    """
    found = sorted(file.parent for file in (paths.DOCS / "runs").rglob("*.txt"))
    return [read(path) for path in dict.fromkeys(found)]


def read(path: Path) -> Folder:
    """Read the folder `path`. Raises WorkshopError, with the file's name, if its manifest is invalid."""
    file = path / "runs.toml"
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
        entries: list[Entry | MadeBy] = [_entry(path, content, stage) for stage in content.get("stage", [])]
        made_by = content.get("made_by", {})
        for command in dict.fromkeys(made_by.values()):
            entries.append(MadeBy(path, command, [name for name in made_by if made_by[name] == command]))
    except (ValueError, TypeError, KeyError) as error:
        raise WorkshopError(f"{paths.shown(file)} cannot be read: {error}.") from error
    folder = Folder(path, entries, content.get("by_hand", {}))
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
            raise ValueError(f"a command does not support {', '.join(sorted(wrong))}")
    if wrong := stage.keys() - {*OF_STAGE, "commands", "quick"}:
        raise ValueError(f"a stage does not support {', '.join(sorted(wrong))}")
    return Entry(
        folder=path,
        stage={"lesson": lesson} | given,
        commands=[Command(**command) for command in stage["commands"]],
        quick=stage.get("quick", False),
        replace=content.get("replace", []),
    )

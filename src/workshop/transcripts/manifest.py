"""Read the manifests of the recorded terminal outputs (docs/runs/NN/runs.toml).

A `[[stage]]` describes the state of a project and its processes (see `workshop.transcripts.stage.Stage`). The
`commands` of a stage run in order. If a command has a `file`, the output of the command is written to that
file. A command has these keys:

    run       the command, which bash runs in the project's folder
    cwd       another folder in which to run the command, relative to the workshop
    shown     the command as the page shows it after "$ " (default: `run`). If the output starts with "$ ", it
              already contains the commands, and no command is added.
    log       the name of a process whose log is shown instead of the command's output
    until     a regular expression to wait for in the log
    times     the number of matches to wait for in the log
    start, keep, drop, head, tail, gap     select the shown lines (see `output_text.Selection`)
    traceback true if the output may contain a traceback
    replace   pairs of a regular expression and its replacement. At the top of the file, `replace` applies to
              all outputs in the folder.

The key `quick` of a stage says whether `--check` runs the stage.

`[made_by]` gives the command that writes an output's file (see `workshop.transcripts.made_by`). `[by_hand]`
explains why no command can create an output, and how to create the output by hand. An output that is not
listed is created by the script with the same name. For example, `python …/every_state.py` creates
every-state.txt.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from workshop import paths
from workshop.course import lessons
from workshop.errors import WorkshopError
from workshop.transcripts import output_text
from workshop.transcripts.made_by import MadeBy
from workshop.transcripts.stage import Stage


@dataclass(frozen=True)
class Command(output_text.Selection):
    """A command that runs in a stage. The module's docstring explains the keys of a command.

    Attributes:
        file: The name of the output file. Empty if the command only prepares for the next command.
    """

    run: str = ""
    file: str = ""
    shown: str = ""
    cwd: str | None = None
    log: str = ""
    until: str = ""
    times: int = 1
    traceback: bool = False
    replace: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True)
class Entry:
    """A `[[stage]]` in a manifest.

    Attributes:
        folder: The folder that contains the manifest and the outputs.
        stage: The environment in which the commands run.
        commands: The commands, in order.
        quick: Whether `./workshop dev runs --check` records the outputs.
        replace: Pairs of a regular expression and its replacement. These pairs apply to all outputs.
    """

    folder: Path
    stage: Stage
    commands: list[Command]
    quick: bool
    replace: Sequence[tuple[str, str]]

    @property
    def files(self) -> list[str]:
        """The names of the output files."""
        return list(dict.fromkeys(command.file for command in self.commands if command.file))

    def record(self) -> dict[str, str]:
        """Run the commands in the environment that the stage describes.

        Returns:
            The outputs, by file name.

        Raises:
            WorkshopError: If a process does not start, a command times out, or an output contains a
                traceback.
        """
        lines: dict[str, list[str]] = {name: [] for name in self.files}
        with self.stage as stage:
            for command in self.commands:
                output = stage.run(command.run, command.cwd) if command.run else ""
                if command.log:
                    output = stage.log(command.log, command.until, command.times)
                if command.file:
                    lines[command.file] += self._lines(command, output)
        return {name: "\n".join(shown) + "\n" for name, shown in lines.items()}

    def _lines(self, command: Command, output: str) -> list[str]:
        text = output_text.cleaned(output, str(self.stage.root), self.stage.usual_ports)
        text = output_text.replaced(text, [*command.replace, *self.replace])
        lines = command.of(text.rstrip().splitlines())
        if not command.traceback and any(line.startswith("Traceback (most recent") for line in lines):
            raise WorkshopError(
                f"{command.file} would contain a traceback, so the file was not changed:\n{output}"
            )
        lines = [line.rstrip() for line in lines]
        while lines and not lines[-1]:
            lines.pop()
        if not (lines and lines[0].startswith("$ ")):
            lines.insert(0, f"$ {command.shown or command.run}")
        return lines


@dataclass(frozen=True)
class Folder:
    """A folder that contains outputs.

    Attributes:
        path: The path of the folder.
        entries: The entries that record the outputs.
        by_hand: The reason for each output that is created by hand, by file name.
    """

    path: Path
    entries: list[Entry | MadeBy]
    by_hand: Mapping[str, str]

    @property
    def listed(self) -> list[str]:
        """The names of all outputs that an entry records or that are created by hand."""
        return [*(name for entry in self.entries for name in entry.files), *self.by_hand]


def folders() -> list[Folder]:
    """Return all folders that contain outputs.

    Raises:
        WorkshopError: If a manifest is invalid.
    """
    outputs = sorted((paths.DOCS / "runs").rglob("*.txt"))
    return [read(path) for path in dict.fromkeys(output.parent for output in outputs)]


def read(path: Path) -> Folder:
    """Read the manifest in the folder `path`, and find the scripts for outputs that are not listed there.

    Raises:
        WorkshopError: If the manifest is invalid. The error message contains the manifest's path.
    """
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


def _entry(path: Path, content: dict, keys: dict) -> Entry:
    lesson = path.name if re.fullmatch(r"\d\d", path.name) else lessons.all_lessons()[-1].code
    of_stage = {"lesson": lesson} | keys
    commands = [_created(Command, command) for command in of_stage.pop("commands")]
    quick = of_stage.pop("quick", False)
    return Entry(path, _created(Stage, of_stage), commands, quick, content.get("replace", ()))


def _created(kind: type, keys: dict) -> Any:
    if wrong := keys.keys() - {known.name for known in fields(kind)}:
        raise ValueError(f"a {kind.__name__.lower()} does not support {', '.join(sorted(wrong))}")
    return kind(**keys)

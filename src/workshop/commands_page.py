"""Generate the command reference for the docs: names, usage, arguments and options."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import typer

PROGRAM = "./workshop"
OTHERS = "Other commands"


@dataclass(frozen=True)
class Command:
    """A command, such as `dev chain`, with its help."""

    name: str
    panel: str
    help: str
    parameters: list
    takes_more: bool

    @property
    def anchor(self) -> str:
        return self.name.replace(" ", "-")

    @property
    def arguments(self) -> list:
        return [each for each in self.parameters if each.param_type_name == "argument"]

    @property
    def options(self) -> list:
        return [each for each in self.parameters if each.param_type_name == "option"]

    @property
    def usage(self) -> str:
        """The usage line, such as `./workshop check [TARGET] [STEP] [--all]`, without `--help`."""
        parts = [PROGRAM, self.name, *map(_argument, self.arguments)]
        parts += [f"[{each.opts[-1]}{_value(each)}]" for each in self.options if each.name != "help"]
        return " ".join(parts + ["[ARGUMENT ...]"] * self.takes_more)


def commands() -> list[Command]:
    """Return all commands, including those of groups, in the order of `--help`."""
    root, context = _root()
    return list(_walk(root, context, "", OTHERS))


def common_options() -> list:
    """Return the options that come before the command, such as `--debug`."""
    root, context = _root()
    return root.get_params(context)


def markdown() -> str:
    """Return the reference as Markdown: a section per panel of `--help`, and an anchor per command."""
    found = commands()
    parts = ["## Options of every command", _options(common_options())]
    for panel in dict.fromkeys(command.panel for command in found):
        parts.append(f"## {panel}")
        parts += [_section(command) for command in found if command.panel == panel]
    return "\n\n".join(parts)


def option_names(option) -> list[str]:
    """Return all spellings of an option, such as `-h` and `--help`, or `--x` and `--no-x`."""
    return [*sorted(option.opts, key=len), *option.secondary_opts]


def argument_name(argument) -> str:
    return argument.metavar or argument.name.upper()


def _root():
    from workshop.cli import app

    root = typer.main.get_command(app)
    return root, typer.Context(root, info_name=PROGRAM, **root.context_settings)


def _walk(group, context, prefix: str, panel: str) -> Iterator[Command]:
    for name, command in group.commands.items():
        if command.hidden:
            continue
        own = command.rich_help_panel if isinstance(command.rich_help_panel, str) else panel
        below = typer.Context(command, info_name=name, parent=context)
        if hasattr(command, "commands"):
            yield from _walk(command, below, f"{prefix}{name} ", own)
            continue
        parameters = [each for each in command.get_params(below) if not each.hidden]
        more = bool(command.context_settings.get("allow_extra_args"))
        yield Command(prefix + name, own, command.help or "", parameters, more)


def _section(command: Command) -> str:
    parts = [f"### {command.name} {{ #{command.anchor} }}", f"```text\n{command.usage}\n```"]
    parts.append(_text(command.help))
    if command.arguments:
        rows = [(f"`{argument_name(each)}`", _help(each), _default(each)) for each in command.arguments]
        parts.append(_table(("argument", "description", "default"), rows))
    own = [each for each in command.options if each.name != "help"]
    if own:
        parts.append(_options(own))
    return "\n\n".join(parts)


def _options(options: list) -> str:
    rows = [
        (", ".join(f"`{name}{_value(each)}`" for name in option_names(each)), _help(each), _default(each))
        for each in options
    ]
    return _table(("option", "description", "default"), rows)


def _argument(argument) -> str:
    name = argument_name(argument) + (" ..." if argument.nargs == -1 else "")
    return name if argument.required else f"[{name}]"


def _value(option) -> str:
    return "" if option.is_flag else f" {option.metavar or option.name.upper()}"


def _default(parameter) -> str:
    if parameter.required:
        return "required"
    if parameter.default in (None, False) or getattr(parameter, "is_flag", False):
        return ""
    return f"`{parameter.default}`"


def _help(parameter) -> str:
    return _text(parameter.help or "")


def _text(text: str) -> str:
    """Convert help to Markdown: Rich's [bold] becomes bold, and all other markup characters are escaped."""
    text = re.sub(r"([\\*_<#])", r"\\\1", text)
    return re.sub(r"\[bold\](.*?)\[/bold\]", r"**\1**", text)


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(map(_cell, row)) + " |" for row in lines)


def _cell(text: str) -> str:
    """Escape the bars in a cell, except inside backticks, so that they don't end the cell."""
    return re.sub(r"(`[^`]*`)|\|", lambda found: found[1] or r"\|", text.replace("\n", " "))

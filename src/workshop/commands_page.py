"""Generate the command reference for the docs: names, usage, arguments and options.

Typer's own generator (`typer utils docs`) omits the command groups shown by `--help`, the option `-h` and
anchors, and it truncates the help text in its list of commands.
"""

import re
from collections.abc import Iterator

import typer

OTHER_COMMANDS = "Other commands"


def markdown() -> str:
    """Return the reference as Markdown: a section for each `--help` panel, and an anchor for each command."""
    from workshop.cli import app

    root = typer.main.get_command(app)
    context = typer.Context(root, info_name="./workshop", **root.context_settings)
    sections = {"Options of every command": [_table("option", root.get_params(context))]}
    for panel, section in _sections(context, OTHER_COMMANDS):
        sections.setdefault(panel, []).append(section)
    return "\n\n".join("\n\n".join([f"## {title}", *parts]) for title, parts in sections.items())


def _sections(group: typer.Context, panel: str) -> Iterator[tuple[str, str]]:
    """Yield the panel and the Markdown for each command in `group`, in the same order as in `--help`."""
    for name, command in group.command.commands.items():
        context = typer.Context(command, info_name=name, parent=group)
        own_panel = command.rich_help_panel if isinstance(command.rich_help_panel, str) else panel
        if hasattr(command, "commands"):
            yield from _sections(context, own_panel)
        else:
            yield own_panel, _section(context)


def _section(context: typer.Context) -> str:
    name = context.command_path.removeprefix("./workshop ")
    parameters = [each for each in context.command.get_params(context) if each.name != "help"]
    arguments = [each for each in parameters if each.param_type_name == "argument"]
    options = [each for each in parameters if each.param_type_name == "option"]
    usage = [context.command_path, *map(_usage, parameters)]
    if context.command.context_settings.get("allow_extra_args"):
        usage.append("[ARGUMENT ...]")
    parts = [
        f"### {name} {{ #{name.replace(' ', '-')} }}",
        f"```text\n{' '.join(usage)}\n```",
        _text(context.command.help or ""),
        _table("argument", arguments) if arguments else "",
        _table("option", options) if options else "",
    ]
    return "\n\n".join(filter(None, parts))


def _usage(parameter) -> str:
    if parameter.param_type_name == "option":
        return f"[{parameter.opts[-1]}{_value(parameter)}]"
    name = _name(parameter) + (" ..." if parameter.nargs == -1 else "")
    return name if parameter.required else f"[{name}]"


def _table(kind: str, parameters: list) -> str:
    rows = [(kind, "description", "default"), ("---",) * 3]
    for each in parameters:
        names = [_name(each)] if kind == "argument" else [*sorted(each.opts, key=len), *each.secondary_opts]
        names = [f"`{name}{_value(each)}`" for name in names]
        rows.append((", ".join(names), _text(each.help or ""), _default(each)))
    return "\n".join("| " + " | ".join(map(_cell, row)) + " |" for row in rows)


def _name(parameter) -> str:
    return parameter.metavar or parameter.name.upper()


def _value(parameter) -> str:
    """Return the placeholder for an option's value, such as " PORT", or "" for a flag or an argument."""
    takes_value = parameter.param_type_name == "option" and not parameter.is_flag
    return f" {_name(parameter)}" if takes_value else ""


def _default(parameter) -> str:
    if parameter.required:
        return "required"
    has_default = parameter.default is not None and not getattr(parameter, "is_flag", False)
    return f"`{parameter.default}`" if has_default else ""


def _text(text: str) -> str:
    """Convert help text to Markdown: [bold] becomes bold text, and special characters are escaped."""
    text = re.sub(r"([\\*_<#])", r"\\\1", text)
    return re.sub(r"\[bold\](.*?)\[/bold\]", r"**\1**", text)


def _cell(text: str) -> str:
    """Escape vertical bars that would end the table cell. Those inside backticks are left unchanged."""
    return re.sub(r"(`[^`]*`)|\|", lambda match: match[1] or r"\|", text.replace("\n", " "))

"""A Markdown extension that includes code from lessons/ and solutions/ in the lesson texts.

A lesson text can contain a line such as

    --8<-- "solutions/03-images/images/tasks.py:resize_image_task"

This line is replaced with a code block that contains the function and its decorators. The block's title is
the file's path.
After the colon, write the name of a function, class or variable, or `Class.method`. If the definition is
inside an `if`, the whole `if` statement is included. Without a colon, the whole file is included. Inside a
fenced block (```text), the line is replaced by the file's lines, for example terminal output from
runs/03/*.txt. An SVG is included as an inline figure, so it uses the page's colors.
Paths are relative to the repository, but paths that start with runs/ are relative to docs/. A missing file or
name makes the build fail.

`--8<-- "workshop:opening.03"` includes the opening of lesson 03, and `--8<-- "workshop:commands"` includes
the Markdown that a function returns. mkdocs.yml lists such functions under `generated`.
In running text, {{ setting NAME }} inserts a value from the finished project (see settings_page), and
{{ minutes 3.2 }} inserts a value from a lesson's manifest (see lesson_times).
"""

import ast
import pkgutil
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from markdown import Extension
from markdown.preprocessors import Preprocessor
from mkdocs.exceptions import BuildError

from workshop import paths
from workshop.console import sentence
from workshop.docsite import lesson_times, settings_page
from workshop.errors import WorkshopError

LINE = re.compile(r'^(?P<indent> *)--8<-- "(?P<path>[^":]+)(?::(?P<symbol>[\w.]+))?"\s*$')
_FENCE = re.compile(r"^ *(?P<fence>`{3,}|~{3,})(?P<info>.*)$")
LANGUAGES = {".py": "python", ".toml": "toml", ".html": "html+django", ".js": "js", ".css": "css"}


class Snippets(Preprocessor):
    """Inserts the included code into a page before Markdown's other processors see the text."""

    def __init__(self, md=None, functions: Mapping[str, str] | None = None) -> None:
        super().__init__(md)
        self.functions = functions or {}

    def run(self, lines: list[str]) -> list[str]:
        """Return the lines of a page, with the included code inserted. Markdown calls this method.

        Raises:
            BuildError: Some code cannot be included. MkDocs adds the page's name but shows no traceback.
        """
        try:
            return self.with_code(lines)
        except WorkshopError as error:
            raise BuildError(str(error)) from None

    def with_code(self, lines: list[str]) -> list[str]:
        """Return the lines of a page, with the included code inserted.

        Raises:
            WorkshopError: An included file or definition does not exist.
        """
        result = []
        for line, is_fenced in fenced_lines(lines):
            include = LINE.match(line)
            if include:
                content = self._content(include["path"], include["symbol"], is_fenced)
                result += [(include["indent"] + each).rstrip() for each in content.splitlines()]
            else:
                result.append(line if is_fenced else lesson_times.filled(settings_page.filled(line)))
        return result

    def _content(self, path: str, symbol: str | None, is_fenced: bool) -> str:
        if path == "workshop":
            return generated(symbol, self.functions)
        content = included(path, symbol)
        if is_fenced:
            return content
        if path.endswith(".svg"):
            return f'\n<figure class="drawing">\n{content}\n</figure>\n'
        return block(path, content)


class SnippetExtension(Extension):
    """The Markdown extension that registers the `Snippets` preprocessor."""

    def __init__(self, **options) -> None:
        self.config = {"generated": [{}, "Functions that return Markdown: {name: package.module:function}"]}
        super().__init__(**options)

    def extendMarkdown(self, md) -> None:
        """Add the preprocessor. Markdown calls this method."""
        # Preprocessors with a higher priority run first. This one must run after Markdown has normalized the
        # whitespace (priority 30), but before superfences (priority 25) extracts the fenced blocks.
        md.preprocessors.register(Snippets(md, self.getConfig("generated")), "workshop-snippets", 28)


def makeExtension(**options) -> SnippetExtension:
    """Return the extension. Markdown calls this function because mkdocs.yml lists the module."""
    return SnippetExtension(**options)


def fenced_lines(lines: Iterable[str]) -> Iterator[tuple[str, bool]]:
    """Yield each line of a Markdown document, and whether the line is part of a fenced block."""
    fence = None
    for line in lines:
        mark = _FENCE.match(line)
        if fence is None and mark:
            fence = mark["fence"]
            yield line, True
        else:
            yield line, fence is not None
            if fence and mark and mark["fence"].startswith(fence) and not mark["info"].strip():
                fence = None


def generated(name: str | None, functions: Mapping[str, str]) -> str:
    """Return Markdown that is generated during the build: the opening of a lesson, or a function's result.

    Args:
        name: A name such as "opening.03", or the name of a function.
        functions: The import path of each function, by name, such as {"commands": "package.module:function"}.
            The functions take no arguments. A function is imported only if a page includes its result.

    Raises:
        WorkshopError: There is no function or lesson with this name.
    """
    kind, _, lesson = (name or "").partition(".")
    if kind == "opening":
        return lesson_times.opening(lesson)
    if name not in functions:
        known = ", ".join([*functions, "opening.03"])
        raise WorkshopError(f'A page includes the unknown name "workshop:{name}". Known names: {known}.')
    return pkgutil.resolve_name(functions[name])()


def included(path: str, symbol: str | None = None) -> str:
    """Return the source of a file, or of one definition in the file.

    Args:
        path: The file's path, relative to the repository. A path that starts with runs/ is relative to docs/.
        symbol: The name of the definition to return (see `symbol_in()`). None means the whole file.

    Raises:
        WorkshopError: The file or the definition does not exist.
    """
    file = (paths.DOCS if path.startswith("runs/") else paths.ROOT) / path
    name = f"{path}:{symbol}" if symbol else path
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise WorkshopError(
            f'A page includes "{name}", but {paths.shown(file)} cannot be read ({error.strerror}). '
            "If the file was renamed, use the new name on the page too."
        ) from None
    return symbol_in(text, symbol, path) if symbol else text.rstrip("\n")


def symbol_in(text: str, symbol: str, path: str) -> str:
    """Return the source of a definition in a module, with its decorators and without indentation.

    Args:
        text: The source of the module.
        symbol: The name of a function, a class, `Class.method` or a variable.
        path: The module's path, which is shown in error messages.

    Raises:
        WorkshopError: The module does not define the name, or has a syntax error.
    """
    try:
        body = ast.parse(text).body
    except SyntaxError as error:
        raise WorkshopError(f"{path}:{error.lineno} cannot be read: {sentence(error.msg)}") from None
    for part in symbol.split("."):
        named = {name: statement for statement in body for name in _names(statement)}
        if part not in named:
            raise WorkshopError(
                f'A page includes "{path}:{symbol}", but that file does not define {part} anymore.\n'
                f"It defines: {', '.join(named) or 'no names'}. Change the page, or restore the definition."
            )
        node = named[part]
        body = getattr(node, "body", [])
    first = min([node.lineno, *(decorator.lineno for decorator in getattr(node, "decorator_list", []))])
    lines = text.splitlines()[first - 1 : node.end_lineno]
    margin = lines[0][: -len(lines[0].lstrip())]
    return "\n".join(line.removeprefix(margin) for line in lines)


def block(path: str, content: str) -> str:
    """Return `content` as a fenced block that is titled `path` and uses the language of that file."""
    fence = "`" * max(3, 1 + max(map(len, re.findall(r"`+", content)), default=0))
    language = LANGUAGES.get(Path(path).suffix, "text")
    return f'\n{fence}{language} title="{path}"\n{content}\n{fence}\n'


def _names(node: ast.stmt) -> list[str]:
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return [node.name]
    if isinstance(node, ast.If):
        return [name for each in [*node.body, *node.orelse] for name in _names(each)]
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    return [target.id for target in targets if isinstance(target, ast.Name)]

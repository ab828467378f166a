"""A Markdown extension that includes code from lessons/ and solutions/ in the lesson texts.

A separate line in a text, such as

    --8<-- "solutions/03-images/images/tasks.py:resize_image_task"

becomes a code block with that function, including its decorators, and the file's name as the title. After the
colon comes a function, a class, `Class.method`, or the name of a variable; if it is inside an `if`, the whole
`if` is included. Without a colon, the whole file is included. Inside a fenced block (```text), only the
file's lines are included, for example terminal output from runs/03/*.txt.
An SVG is included as an inline figure, so it uses the page's colors.
Paths are relative to the repository; paths in runs/ are relative to docs/. A missing name fails the build.

`--8<-- "workshop:opening.03"` includes the opening of lesson 03, and `--8<-- "workshop:commands"` includes
the Markdown that a function returns. mkdocs.yml lists the function under `generated`.
In running text, {{ setting NAME }} inserts a value from the finished project (settings_page), and
{{ minutes 3.2 }} a value from a lesson's manifest (lesson_times).
"""

import ast
import pkgutil
import re
from collections.abc import Mapping
from pathlib import Path

from markdown import Extension
from markdown.preprocessors import Preprocessor
from mkdocs.exceptions import BuildError

from workshop import paths
from workshop.docsite import lesson_times, settings_page
from workshop.errors import WorkshopError

LINE = re.compile(r'^(?P<indent> *)--8<-- "(?P<path>[^":]+)(?::(?P<symbol>[\w.]+))?"\s*$')
FENCE = re.compile(r"^ *(?P<fence>`{3,}|~{3,})(?P<info>.*)$")
LANGUAGES = {".py": "python", ".toml": "toml", ".html": "html+django", ".js": "js", ".css": "css"}


class Snippets(Preprocessor):
    """Includes the code before the other parts of Markdown process the text."""

    def __init__(self, md=None, functions: Mapping[str, str] | None = None) -> None:
        super().__init__(md)
        self.functions = functions or {}

    def run(self, lines: list[str]) -> list[str]:
        try:
            return self.with_code(lines)
        except WorkshopError as error:
            raise BuildError(str(error)) from None  # mkdocs adds the page's name and shows no traceback

    def with_code(self, lines: list[str]) -> list[str]:
        found, fence = [], None
        for line in lines:
            mark = FENCE.match(line)
            if mark and fence is None:
                fence = mark["fence"]
            elif mark and fence and mark["fence"].startswith(fence) and not mark["info"].strip():
                fence = None
            wanted = LINE.match(line)
            if wanted is None:
                found.append(lesson_times.filled(settings_page.filled(line)) if fence is None else line)
                continue
            if wanted["path"] == "workshop":
                found += generated(wanted["symbol"], self.functions).splitlines()
                continue
            content = included(wanted["path"], wanted["symbol"])
            if fence is None:
                content = (
                    figure(content) if wanted["path"].endswith(".svg") else block(wanted["path"], content)
                )
            found += [(wanted["indent"] + each).rstrip() for each in content.splitlines()]
        return found


class SnippetExtension(Extension):
    def __init__(self, **options) -> None:
        self.config = {"generated": [{}, "Functions that return Markdown: {name: package.module:function}"]}
        super().__init__(**options)

    def extendMarkdown(self, md) -> None:
        # Before superfences (25) extracts the fenced blocks, but after tabs and line ends are normalized
        # (30).
        md.preprocessors.register(Snippets(md, self.getConfig("generated")), "workshop-snippets", 28)


def makeExtension(**options) -> SnippetExtension:
    """Called by Markdown for `workshop.docsite.snippets` in mkdocs.yml."""
    return SnippetExtension(**options)


def generated(name: str | None, functions: Mapping[str, str]) -> str:
    """Return Markdown that is generated during the build: the opening of a lesson, or a function's result.

    functions: functions without arguments, such as {"commands": "package.module:function"}. A function is
    imported only if a page needs it. Raises WorkshopError if `name` is unknown.
    """
    kind, _, lesson = (name or "").partition(".")
    if kind == "opening":
        return lesson_times.opening(lesson)
    if name not in functions:
        known = ", ".join([*functions, "opening.03"])
        raise WorkshopError(f'A text includes the unknown name "workshop:{name}". Known names: {known}.')
    return pkgutil.resolve_name(functions[name])()


def included(path: str, symbol: str | None = None) -> str:
    """Return the text of the file `path`, or of `symbol` in it. Raises WorkshopError if it doesn't exist."""
    file = (paths.DOCS if path.startswith("runs/") else paths.ROOT) / path
    name = f"{path}:{symbol}" if symbol else path
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise WorkshopError(
            f'A lesson text includes "{name}", and {paths.shown(file)} cannot be read ({error.strerror}). '
            "Was it renamed? Then rename it in the text too."
        ) from None
    return symbol_in(text, symbol, path) if symbol else text.rstrip("\n")


def symbol_in(text: str, symbol: str, path: str) -> str:
    """Return the source of `symbol` in the Python source `text`, with decorators and without indentation.

    Raises WorkshopError, with a list of names, if there is no such symbol.
    """
    try:
        body = ast.parse(text).body
    except SyntaxError as error:
        raise WorkshopError(f"{path}:{error.lineno} cannot be read: {error.msg}.") from None
    node = None
    for part in symbol.split("."):
        named = {name: found for found in body for name in _names(found)}
        node = named.get(part)
        if node is None:
            raise WorkshopError(
                f'A lesson text includes "{path}:{symbol}", and there is no {part} in that file any more.\n'
                f"There are: {', '.join(named) or 'no names'}. Change the text, or bring the name back."
            )
        body = getattr(node, "body", [])
    first = min([node.lineno, *(each.lineno for each in getattr(node, "decorator_list", []))])
    lines = text.splitlines()[first - 1 : node.end_lineno]
    margin = len(lines[0]) - len(lines[0].lstrip())
    return "\n".join(line[margin:] if line[:margin].isspace() or not margin else line for line in lines)


def block(path: str, content: str) -> str:
    """Return `content` as a fenced block in the language of `path`, with its name as the title."""
    fence = "`" * max(3, 1 + max(map(len, re.findall(r"`+", content)), default=0))
    language = LANGUAGES.get(Path(path).suffix, "text")
    return f'\n{fence}{language} title="{path}"\n{content}\n{fence}\n'


def figure(svg: str) -> str:
    """Return `svg` as a figure."""
    return f'\n<figure class="drawing">\n{svg}\n</figure>\n'


def _names(node: ast.stmt) -> list[str]:
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return [node.name]
    if isinstance(node, ast.If):
        return [name for each in [*node.body, *node.orelse] for name in _names(each)]
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    return [target.id for target in targets if isinstance(target, ast.Name)]

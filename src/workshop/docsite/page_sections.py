"""Split a Markdown page into sections, and find the parts of a section that must not be translated.

A section starts at a heading, and its name is the heading's anchor. For example, the section below
`## Das Problem { #the-problem }` is called `the-problem`. The section that starts at the page's title is
called `top`.
"""

import re
from dataclasses import dataclass

from markdown.extensions.toc import slugify
from mkdocs.utils import meta

from workshop.docsite.snippets import LINE, fenced_lines

TOP = "top"
LINK = re.compile(r"(?<=\]\()([^)\s]+)(?=[)\s])")
HTML_LINK = re.compile(r'(?<=src="|ref="|set=")(?![a-z]+:|[#/])[^"]+(?=")')
"""Matches a relative address in a src, href or srcset attribute. MkDocs doesn't convert such addresses."""
_HEADING = re.compile(r'(#{1,6}) +(.*?)(?: *(?:\{ *#([\w-]+) *\}|<a id="([\w-]+)"></a>))? *$')
_CODE = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.S)


@dataclass(frozen=True)
class Section:
    """A heading and the text below it, up to the next heading.

    The first section of a page also contains the text before its heading.

    Attributes:
        anchor: The id of the heading.
        title: The text of the heading.
        level: The number of `#` characters in the heading.
        heading: The index of the heading's line in `lines`.
    """

    anchor: str
    title: str
    level: int
    heading: int
    lines: list[str]

    @property
    def text(self) -> str:
        """All lines of the section as one string."""
        return "\n".join(self.lines)


def sections(text: str) -> list[Section]:
    """Split a Markdown document, except for its front matter, into sections."""
    parts: list[Section] = []
    before: list[str] = []
    for line, is_fenced in fenced_lines(meta.get_data(text)[0].splitlines()):
        heading = None if is_fenced else _HEADING.match(line)
        if heading:
            marks, title, *anchors = heading.groups()
            anchor = next(filter(None, anchors), None) or slugify(title.replace("`", ""), "-")
            anchor = TOP if len(marks) == 1 else anchor
            parts.append(Section(anchor, title, len(marks), len(before), [*before, line]))
            before = []
        elif parts:
            parts[-1].lines.append(line)
        else:
            before.append(line)
    return parts


def untranslated_parts(section: Section) -> dict[str, list[str]]:
    """Return the parts of a section that are the same in every language, grouped by kind.

    Inline code and links are sorted and deduplicated, because word order differs between languages.
    """
    prose, includes, commands = [], [], []
    for line, is_fenced in fenced_lines(section.lines):
        if included := LINE.match(line):
            includes.append(":".join(filter(None, (included["path"], included["symbol"]))))
        elif is_fenced:
            commands.append(re.sub(r"\s+# .*", "", line.strip()))
        else:
            prose.append(line)
    text = "\n".join(prose)
    number = re.match(r"[\d.]+(?= ·)", section.title)
    return {
        "heading levels": ["#" * section.level],
        "step numbers": [number[0]] if number else [],
        "included files": includes,
        "commands": commands,
        "generated values": sorted(re.findall(r"\{\{ .+? \}\}", text)),
        "inline code": sorted({" ".join(code[1].split()) for code in _CODE.findall(text)}),
        "links": sorted({*LINK.findall(text), *HTML_LINK.findall(text)}),
        "boxes": re.findall(r"^ *(?:\?\?\?\+?|!!!) (\w+)", text, re.M),
        "table rows": [str(sum(line.lstrip().startswith("|") for line in prose))],
    }

"""The page of the docs site: docs/numbers/index.md, written out of what was measured."""

import json

from workshop import paths

from .section import Section, Table

HEAD = """# Proof in numbers

Everything on this page was printed by one command, and you can run it on your own machine:

```console
$ ./workshop bench
```

It takes about {minutes} minutes, and asks for a machine that does nothing else. What counts are the ratios
within one run: the ways that are compared do the same work on the same broker and cores, in turn, several
times. A goal that was missed is marked, with the reason.
"""


def write() -> None:
    """Write the page out of docs/numbers/*.json, and the plots beside it."""
    from .command import NAMES, folder

    parts = [HEAD.format(minutes=40)]
    for name in NAMES:
        file = folder() / f"{name}.json"
        if not file.is_file():
            continue
        content = json.loads(file.read_text(encoding="utf-8"))
        section = Section.of_json(content["section"])
        for plot in section.plots:
            (folder() / f"{plot.name}.svg").write_text(
                _titled(plot.svg, section.title, plot.words), encoding="utf-8"
            )
        parts.append(_section(section, content))
    (folder() / "index.md").write_text("\n".join(parts), encoding="utf-8")


def _section(section: Section, content: dict) -> str:
    versions = ", ".join(f"{name} {number}" for name, number in content["versions"].items())
    parts = [f"## {section.title} {{ #{section.name} }}", section.how]
    for table in section.tables:
        parts.append(f"**{table.title}**\n\n{_table(table)}")
    for plot in section.plots:
        path = (paths.DOCS / "numbers" / f"{plot.name}.svg").relative_to(paths.ROOT).as_posix()
        parts += [f'--8<-- "{path}"', plot.words]
    parts += section.remarks
    parts += ["\n".join(f"- {goal}" for goal in section.goals)] if section.goals else []
    parts.append(f"<small>{content['machine']} · {content['date']} · {versions}</small>")
    return "\n\n".join(parts) + "\n"


def _table(table: Table) -> str:
    lines = ["| " + " | ".join(table.headings) + " |"]
    lines.append("| --- " + "| ---: " * (len(table.headings) - 1) + "|")
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in table.rows]
    return "\n".join(lines)


def _titled(svg: str, title: str, words: str) -> str:
    """With what a screen reader reads in its place."""
    name = "".join(letter for letter in title.lower() if letter.isalnum())[:20] + str(len(words))
    head, _, rest = svg.partition(">")
    head = head.replace(
        "<svg", f'<svg role="img" aria-labelledby="{name}-title {name}-desc" fill="currentColor"'
    )
    said = f'<title id="{name}-title">Plot: {title}</title>\n<desc id="{name}-desc">{words}</desc>'
    return f"{head}>\n{said}{rest}\n"

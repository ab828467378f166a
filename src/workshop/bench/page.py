"""Write the page docs/numbers/index.md from the measurements."""

import json

from workshop import paths

from .plot import named
from .section import Plot, Section, Table

HEAD = """# Benchmarks

A single command produced all results on this page, and you can run it on your own machine:

```console
$ ./workshop bench
```

The run takes about 45 minutes and needs an otherwise idle machine. Compare only the ratios within one run:
the alternatives do the same work with the same broker on the same cores, and they take turns several times.
A goal that was missed is marked as MISSED, and the text gives the reason.
"""


def write() -> None:
    """Write the page and its plots from docs/numbers/*.json."""
    from .command import NAMES, folder

    parts = [HEAD]
    for name in NAMES:
        file = folder() / f"{name}.json"
        if not file.is_file():
            continue
        content = json.loads(file.read_text(encoding="utf-8"))
        section = Section.of_json(content["section"])
        for plot in section.plots:
            file = folder() / f"{plot.name}.svg"
            file.write_text(_titled(plot, section.title), encoding="utf-8")
        parts.append(_section(section, content))
    (folder() / "index.md").write_text("\n".join(parts), encoding="utf-8")


def _section(section: Section, content: dict) -> str:
    versions = ", ".join(f"{name} {number}" for name, number in content["versions"].items())
    parts = [f"## {section.title} {{ #{section.name} }}", section.how]
    parts += ["\n".join(f"- {goal}" for goal in section.goals)] if section.goals else []
    parts += section.remarks
    for table in section.tables:
        parts.append(f"**{table.title}**\n\n{_table(table)}")
    for plot in section.plots:
        path = (paths.DOCS / "numbers" / f"{plot.name}.svg").relative_to(paths.ROOT).as_posix()
        parts += [f'--8<-- "{path}"', plot.words]
    parts.append(f"<small>{content['machine']} · {content['date']} · {versions}</small>")
    return "\n\n".join(parts) + "\n"


def _table(table: Table) -> str:
    lines = ["| " + " | ".join(table.headings) + " |"]
    lines.append("| --- " + "| ---: " * (len(table.headings) - 1) + "|")
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in table.rows]
    return "\n".join(lines)


def _titled(plot: Plot, title: str) -> str:
    """The plot, with a title and a description for screen readers."""
    head, _, rest = named(plot.svg, plot.name).partition(">")
    labels = f'role="img" aria-labelledby="{plot.name}-title {plot.name}-desc" fill="currentColor"'
    named_by = f'<title id="{plot.name}-title">Plot for the section “{title}”</title>'
    said = f'{named_by}\n<desc id="{plot.name}-desc">{plot.words}</desc>'
    return f"{head.replace('<svg', f'<svg {labels}')}>\n{said}{rest}\n"

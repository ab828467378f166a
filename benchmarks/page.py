"""Write the page docs/numbers/index.md from the measurements."""

import re

from benchmarks import compact, findings, glance, reasons
from benchmarks.plot import named
from benchmarks.saved_results import Saved, every, folder
from benchmarks.section import Cell, Plot, Section, Table
from workshop import paths
from workshop.errors import WorkshopError

HEAD = """# Benchmarks

The three pictures answer the most common questions. All measurements behind them follow, with their methods.
Compare only the ratios within one run: the alternatives do the same work with the same broker on the same
cores, and they take turns several times."""

REPEAT = """A single command repeats all measurements on your own machine. It takes about 45 minutes and needs
an otherwise idle machine:

```console
$ ./workshop bench
```"""


def write() -> None:
    """Write the page and its pictures from docs/numbers/*.json.

    Raises WorkshopError if there is no measurement yet.
    """
    found = every()
    if not found:
        raise WorkshopError(
            "There are no saved measurements. Measure and save some first: ./workshop bench --write"
        )
    sections = {each.section.name: each.section for each in found}
    for old in folder().glob("*.svg"):
        old.unlink()
    glances = glance.all_of(sections)
    parts = [HEAD]
    for each in glances:
        parts += [f"**{each.title}.** {each.sentence}", _shown(each.plot, f"{each.title}: a chart")]
        parts.append(each.caption)
    parts.append(_score(list(sections.values())))
    parts += [_section(section) for section in sections.values()]
    parts += [_goals(list(sections.values())), _machine(found)]
    (folder() / "index.md").write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def _section(section: Section) -> str:
    """The result in one sentence, the pictures, the folded tables, and the method."""
    parts = [f"## {section.title} {{ #{section.name} }}"]
    if result := findings.sentence(section):
        parts.append(f"**{result}**")
    for plot in section.plots:
        parts += [_shown(plot, f"Plot for the section “{section.title}”"), plot.words]
    parts += [_folded(table) for table in compact.tables(section)]
    parts.append(f"**Method.** {section.how}")
    return "\n\n".join([*parts, *map(_linked, section.remarks)])


def _score(sections: list[Section]) -> str:
    """How many goals were met."""
    goals = [goal for section in sections for goal in section.goals]
    met = sum(goal.is_met for goal in goals)
    return (
        f"{met} of {len(goals)} goals were met. [The list of goals](#goals) shows each result, and why a "
        "goal was missed."
    )


def _goals(sections: list[Section]) -> str:
    """Every goal with its result. Then the reasons of missed goals, and the results of replaced goals.

    The table contains only the numbers of the reasons, so that it fits on a phone.
    """
    headings = ["compared", "goal", "result (reason)"]
    rows: list[list[Cell]] = []
    numbers: dict[str, int] = {}
    for section in sections:
        if section.goals:
            rows.append([f"**{section.title}**", "", ""])
        for goal in section.goals:
            verdict = "met"
            if reason := reasons.why(section, goal):
                verdict = f"**missed** ({numbers.setdefault(reason, len(numbers) + 1)})"
            rows.append([goal.what, goal.bound, f"{goal.result} {verdict}"])
    parts = ["## Goals and results { #goals }", _table(Table("", headings, rows), ":---")]
    if numbers:
        listed = "\n".join(f"{number}. {reason}" for reason, number in numbers.items())
        parts.append(f"The reasons of the missed goals, by the number in the last column:\n\n{listed}")
    if replaced := [goal for section in sections for goal in section.replaced]:
        parts.append(
            "Earlier goals compared an upload with one that also resizes the photo, and another page with an "
            "idle server. The server has to receive and save an upload in any case, so these goals measured "
            "more than the queue. Their results in the same run:\n\n"
            + "\n".join(f"- {goal}" for goal in replaced)
        )
    return "\n\n".join(parts)


def _machine(found: list[Saved]) -> str:
    """The machines, with the sections that were measured on each, and the dates."""
    by_machine: dict[tuple[str, str], list[str]] = {}
    for each in found:
        versions = ", ".join(f"{name} {number}" for name, number in each.versions.items())
        load = re.search(r", load ([\d.]+)", each.machine)
        machine = re.sub(r", load [\d.]+", "", each.machine)
        when = f"[{each.section.title}](#{each.section.name}): {each.date}"
        by_machine.setdefault((machine, versions), []).append(
            f"{when}, load {load[1]} at the end of the run" if load else when
        )
    parts = ["## Machine and dates { #machine }", REPEAT]
    for (machine, versions), sections in by_machine.items():
        parts.append(f"{machine} · {versions}\n\n" + "\n".join(f"- {each}" for each in sections))
    return "\n\n".join(parts)


def _folded(table: Table) -> str:
    title = table.title[0].lower() + table.title[1:] if table.title[1:2].islower() else table.title
    body = "\n".join(f"    {line}" for line in _table(table).splitlines())
    return f'??? info "Table: {title}"\n\n{body}'


def _table(table: Table, alignment: str = "---:") -> str:
    lines = ["| " + " | ".join(table.headings) + " |"]
    lines.append("| --- " + f"| {alignment} " * (len(table.headings) - 1) + "|")
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in table.rows]
    return "\n".join(lines)


def _linked(remark: str) -> str:
    """`remark`, with its addresses in parentheses as links."""
    return re.sub(r"\((https://[^)\s]+)\)", r"([source](\1))", remark)


def _shown(plot: Plot, title: str) -> str:
    """Write the picture to docs/numbers/, and return the line that includes it."""
    file = folder() / f"{plot.name}.svg"
    file.write_text(_titled(plot, title), encoding="utf-8")
    return f'--8<-- "{file.relative_to(paths.ROOT).as_posix()}"'


def _titled(plot: Plot, title: str) -> str:
    """The plot, with a title and a description for screen readers."""
    head, _, rest = named(plot.svg, plot.name).partition(">")
    labels = f'role="img" aria-labelledby="{plot.name}-title {plot.name}-desc" fill="currentColor"'
    named_by = f'<title id="{plot.name}-title">{title}</title>'
    said = f'{named_by}\n<desc id="{plot.name}-desc">{plot.words}</desc>'
    return f"{head.replace('<svg', f'<svg {labels}')}>\n{said}{rest}\n"

"""Write the page docs/numbers/index.md from the saved measurements."""

import re
from textwrap import indent

from benchmarks import findings, missed_goals, overview, page_tables
from benchmarks.line_plot import with_prefix
from benchmarks.saved_results import SavedResult, folder, read_all
from benchmarks.section import Cell, Plot, Section, Table
from workshop import paths
from workshop.errors import WorkshopError
from workshop.system import atomic_file

HEAD = """# Benchmarks

The three pictures below answer the most common questions. The rest of the page shows the measurements and
describes the methods. Compare only ratios from the same run. Within a run, the alternatives do the same work
with the same broker on the same cores, and they take turns several times."""

REPEAT = """You can repeat all measurements on your own machine with the following command. It takes about
45 minutes and needs an otherwise idle machine:

```console
$ ./workshop bench
```"""

REPLACED = (
    "Earlier goals compared an upload with an upload to the blocking site, where the request also resizes "
    "the photo. They also compared another page during the uploads with the same page on an idle server. But "
    "every server has to receive and save an upload, so those goals covered more than the queue. In the same "
    "run, the results for those goals were as follows:"
)


def write() -> None:
    """Write the page and its pictures from docs/numbers/*.json.

    Raises:
        WorkshopError: If there are no saved results yet.
    """
    results = read_all()
    if not results:
        raise WorkshopError(
            "There are no saved measurements. Take and save some measurements first: ./workshop bench --write"
        )
    sections = [result.section for result in results]
    for old in folder().glob("*.svg"):
        old.unlink()
    parts = [HEAD]
    for picture in overview.pictures({section.name: section for section in sections}):
        parts.append(f"**{picture.title}.** {picture.sentence}")
        parts += [_drawing(picture.plot, f"{picture.title}: a chart"), picture.caption]
    parts += [_score(sections), *map(_section, sections), _goals(sections), _machine(results)]
    atomic_file.write_text(folder() / "index.md", "\n\n".join(parts) + "\n")


def _section(section: Section) -> str:
    """Return a section of the page: its result in a sentence, plots, folded tables, and the method."""
    parts = [f"## {section.title} {{ #{section.name} }}"]
    if sentence := findings.sentence(section):
        parts.append(f"**{sentence}**")
    for plot in section.plots:
        parts += [_drawing(plot, f"Plot for the section “{section.title}”"), plot.words]
    parts += map(_folded, page_tables.tables(section))
    parts.append(f"**Method.** {section.how}")
    return "\n\n".join([*parts, *map(_with_links, section.remarks)])


def _score(sections: list[Section]) -> str:
    goals = [goal for section in sections for goal in section.goals]
    met = sum(goal.is_met for goal in goals)
    return (
        f"{met} of {len(goals)} goals were met. [The list of goals](#goals) shows the result of each goal "
        "and explains why some goals were missed."
    )


def _goals(sections: list[Section]) -> str:
    """Return every goal with its result, the reasons for missed goals, and the results of replaced goals.

    The table refers to the reasons by number only, so that it fits on a phone's screen.
    """
    headings = ["comparison", "goal", "result (reason)"]
    rows: list[list[Cell]] = []
    numbers: dict[str, int] = {}
    for section in sections:
        if section.goals:
            rows.append([f"**{section.title}**", "", ""])
        for goal in section.goals:
            verdict = "met"
            if reason := missed_goals.reason(section, goal):
                verdict = f"**missed** ({numbers.setdefault(reason, len(numbers) + 1)})"
            rows.append([goal.what, goal.bound, f"{goal.result} {verdict}"])
    parts = ["## Goals and results { #goals }", _table(Table("", headings, rows), ":---")]
    if numbers:
        reasons = "\n".join(f"{number}. {reason}" for reason, number in numbers.items())
        parts.append(
            "The numbers in parentheses refer to the following reasons for missed goals:\n\n" + reasons
        )
    if replaced := [f"- {goal}" for section in sections for goal in section.replaced]:
        parts += [REPLACED, "\n".join(replaced)]
    return "\n\n".join(parts)


def _machine(results: list[SavedResult]) -> str:
    """Return each machine, with the sections that were measured on it and their dates."""
    dates: dict[str, list[str]] = {}
    for result in results:
        versions = ", ".join(f"{name} {number}" for name, number in result.versions.items())
        load = re.search(r", load ([\d.]+)", result.machine)
        date = f"- [{result.section.title}](#{result.section.name}): {result.date}"
        if load:
            date += f", load {load[1]} at the end of the run"
        machine = result.machine.replace(load[0], "") if load else result.machine
        dates.setdefault(f"{machine} · {versions}", []).append(date)
    machines = ["\n".join([f"{machine}\n", *sections]) for machine, sections in dates.items()]
    return "\n\n".join(["## Machine and dates { #machine }", REPEAT, *machines])


def _folded(table: Table) -> str:
    title = table.title[0].lower() + table.title[1:] if table.title[1:2].islower() else table.title
    return f'??? info "Table: {title}"\n\n' + indent(_table(table), "    ")


def _table(table: Table, alignment: str = "---:") -> str:
    rows = [table.headings, ["---", *[alignment] * (len(table.headings) - 1)], *table.rows]
    return "\n".join(f"| {' | '.join(map(str, row))} |" for row in rows)


def _with_links(remark: str) -> str:
    """Return `remark` with every URL in parentheses replaced by a link."""
    return re.sub(r"\((https://[^)\s]+)\)", r"([source](\1))", remark)


def _drawing(plot: Plot, title: str) -> str:
    """Write the drawing to docs/numbers/, and return the line that includes it in the page."""
    file = folder() / f"{plot.name}.svg"
    atomic_file.write_text(file, _for_screen_readers(plot, title))
    return f'--8<-- "{file.relative_to(paths.ROOT).as_posix()}"'


def _for_screen_readers(plot: Plot, title: str) -> str:
    """Return the drawing with a title and a description."""
    tag, _, rest = with_prefix(plot.svg, plot.name).partition(">")
    role = f'role="img" aria-labelledby="{plot.name}-title {plot.name}-desc" fill="currentColor"'
    return (
        f"{tag.replace('<svg', f'<svg {role}')}>\n"
        f'<title id="{plot.name}-title">{title}</title>\n'
        f'<desc id="{plot.name}-desc">{plot.words}</desc>{rest}\n'
    )

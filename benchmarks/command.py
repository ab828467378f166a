"""The command: measure, print, and write the page with its plots."""

import importlib

from rich.table import Table as Shown

from benchmarks import page
from benchmarks.measuring import machine
from benchmarks.saved_results import NAMES, save
from benchmarks.section import Section, Table
from workshop.console import say
from workshop.errors import WorkshopError

MODULES = {"field": "task_queues.measurement", "queue": "queue_cost"}
"""The modules of measurements whose names differ from the module's."""


def main(names: list[str], quick: bool, write: bool, only_page: bool = False) -> int:
    """Run the measurements `names`, or all of them. Returns the exit code: 1 if a goal is missed.

    quick: do only a little work in few rounds, to see whether everything runs, without judging the goals.
    write: update the page of the docs site, docs/numbers/. only_page: measure nothing, and write the page
    from the saved measurements. Raises WorkshopError for an unknown name, or if an alternative
    doesn't do its work.
    """
    for name in names:
        if name not in NAMES:
            raise WorkshopError(f"There is no measurement named {name}. Choose from: {', '.join(NAMES)}.")
    if quick and write:
        raise WorkshopError(
            "--quick doesn't measure enough for the page. Use either --quick or --write, not both."
        )
    if only_page:
        if names or quick:
            raise WorkshopError("--page measures nothing. Leave out the names and --quick.")
        page.write()
        return 0
    say(machine())
    missed = False
    for name in names or NAMES:
        module = importlib.import_module(f"{__package__}.{MODULES.get(name, name)}")
        section = module.measure(quick)
        show(section)
        missed = missed or not all(goal.is_met for goal in section.goals)
        if write:
            save(section)
    if write:
        page.write()
    return 1 if missed and not quick else 0


def show(section: Section) -> None:
    """Print the section in the terminal."""
    say(f"\n{section.title}", style="bold")
    say(section.how)
    for table in section.tables:
        say("")
        say(_shown(table))
    for remark in section.remarks:
        say(f"  {remark}")
    for goal in section.goals:
        say(f"  {goal}")
    for goal in section.replaced:
        say(f"  earlier goal: {goal}")


def _shown(table: Table) -> Shown:
    shown = Shown(title=table.title, title_justify="left", box=None)
    for place, heading in enumerate(table.headings):
        shown.add_column(heading, justify="right" if place else "left", overflow="fold")
    for row in table.rows:
        shown.add_row(*(str(cell) for cell in row))
    return shown

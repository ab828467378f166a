"""The `bench` command: run the measurements, print the results, and write the page with its plots."""

import importlib

from rich.table import Table as RichTable

from benchmarks import page
from benchmarks.measuring import machine
from benchmarks.saved_results import MODULES, save
from benchmarks.section import Section, Table
from workshop.console import say
from workshop.errors import WorkshopError


def main(names: list[str], quick: bool, write: bool, only_page: bool = False) -> int:
    """Run measurements, print the results, and return the exit code, which is 1 if a goal is missed.

    Args:
        names: The names of the measurements to run. An empty list means all measurements.
        quick: Whether to do only a little work, just to test that everything runs. If so, missed goals don't
            affect the exit code.
        write: Whether to save the results and update the Benchmarks page in docs/numbers/.
        only_page: Whether to skip the measurements and write the page from the saved results.

    Raises:
        WorkshopError: If a name is unknown, or if the options contradict each other.
    """
    for name in names:
        if name not in MODULES:
            raise WorkshopError(f"There is no measurement named {name}. Choose from: {', '.join(MODULES)}.")
    if quick and write:
        raise WorkshopError(
            "--quick doesn't measure enough for the page. Use either --quick or --write, not both."
        )
    if only_page:
        if names or quick:
            raise WorkshopError("--page doesn't measure anything. Leave out the names and --quick.")
        page.write()
        return 0
    say(machine())
    missed = False
    for name in names or MODULES:
        section = importlib.import_module(MODULES[name]).measure(quick)
        show(section)
        missed = missed or not all(goal.is_met for goal in section.goals)
        if write:
            save(section)
    if write:
        page.write()
    return 1 if missed and not quick else 0


def show(section: Section) -> None:
    """Print `section` in the terminal."""
    say(f"\n{section.title}", style="bold")
    say(section.how)
    for table in section.tables:
        say("")
        say(_for_terminal(table))
    for line in [*section.remarks, *section.goals]:
        say(f"  {line}")
    for goal in section.replaced:
        say(f"  earlier goal: {goal}")


def _for_terminal(table: Table) -> RichTable:
    rich_table = RichTable(title=table.title, title_justify="left", box=None)
    for place, heading in enumerate(table.headings):
        rich_table.add_column(heading, justify="right" if place else "left", overflow="fold")
    for row in table.rows:
        rich_table.add_row(*map(str, row))
    return rich_table

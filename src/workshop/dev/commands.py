"""The maintainers' commands: `./workshop dev …`."""

from pathlib import Path
from typing import Annotated

import typer

from workshop.console import say, verbatim

app = typer.Typer(help="Keep the lessons and solutions in step.", no_args_is_help=True)


@app.command()
def chain() -> None:
    """Check that lessons and solutions differ only where a manifest says so."""
    from workshop.course import chain as chains

    found = chains.findings() + chains.todos()
    for sentence in found:
        say(sentence)
    if found:
        raise typer.Exit(1)
    say(f"The chain is whole: {len(chains.links())} links.")


@app.command()
def carry(
    file: Annotated[str, typer.Argument(help="images/views.py, or a whole path to say which one is right.")],
) -> None:
    """Carry a change in a file along the chain, wherever no manifest lists it."""
    from workshop import paths
    from workshop.course import chain as chains

    written = chains.carry(file)
    for path in written:
        say(f"  wrote {paths.shown(path)}")
    say(f"{file}: {len(written)} of the chain's files changed." if written else f"{file}: all the same.")


@app.command()
def notebooks() -> None:
    """Take the outputs out of the notebooks, before they go into git."""
    from workshop.notebooks import convert

    for file in convert.all_files():
        if convert.strip(file):
            say(f"notebooks/{file.name} is clean again.")


@app.command()
def faults() -> None:
    """Run the faults on the finished system, and write the table that lesson 05 shows."""
    from workshop.dev import test_suite

    raise typer.Exit(test_suite.faults())


@app.command()
def figures(
    names: Annotated[list[str] | None, typer.Argument(help="Which figures; all of them if none.")] = None,
):
    """Measure the figures that the workshop promises, and print them."""
    from workshop.bench import figures as measuring

    raise typer.Exit(measuring.main(names or []))


@app.command()
def browser():
    """Find the Chromium that the browser tests use, or install one."""
    from workshop.docsite import browser as browsers

    raise typer.Exit(browsers.main())


@app.command()
def tools():
    """Install what some tests need: RabbitMQ, PostgreSQL, Redis, nginx, Prometheus, Kubernetes schemas …"""
    from workshop.dev import tools as installing

    raise typer.Exit(installing.main())


@app.command()
def pictures():
    """Record the films of the README and the docs' home page again, each with a still picture."""
    from workshop.dev import pictures as taking

    raise typer.Exit(taking.main())


@app.command()
def uploads(
    folders: Annotated[list[Path], typer.Argument(help="Folders with pictures, sound or damaged.")],
    each: Annotated[bool, typer.Option("--all", help="Print a line for each file not resized.")] = False,
):
    """Upload the files in folders to the finished site, and count what becomes of each."""
    from workshop.dev import upload_trial

    raise typer.Exit(upload_trial.main(folders, each))


@app.command()
def runs(
    names: Annotated[
        list[str] | None, typer.Argument(help="Folders (03) or outputs (03/killed); all of them if none.")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Run the quick ones, compare, and write nothing.")
    ] = False,
    to: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Write there, not into docs/runs.")
    ] = None,
):
    """Make the terminal outputs in docs/runs again, by running what they show."""
    from workshop.transcripts import record as outputs

    raise typer.Exit(outputs.main(names or [], check, to))


@app.command()
def minutes(
    write: Annotated[bool, typer.Option("--write", help="Write them into every lesson.toml.")] = False,
) -> None:
    """Compute how long each step takes a learner; exit code 1 when a lesson.toml says something else."""
    from workshop.dev import minutes as model

    if write:
        model.write()
    raise typer.Exit(0 if model.show() else 1)


@app.command()
def sentences(
    count: Annotated[int, typer.Argument(help="How many to draw.")] = 60,
    seed: Annotated[int, typer.Option(help="The same seed draws the same sentences.")] = 1,
    lesson: Annotated[str | None, typer.Option(help="Only of this lesson (02).")] = None,
) -> None:
    """Draw random sentences from the texts of the lessons, with file and line, to read them on their own."""
    from workshop.course import lessons
    from workshop.dev import sentences

    chosen = [lessons.find(lesson)] if lesson else lessons.all_lessons()
    found = [sentence for each in chosen for sentence in sentences.of_lesson(each)]
    for sentence in sentences.sample(found, count, seed):
        verbatim(str(sentence))

"""The maintainers' commands: `./workshop dev …`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from workshop import paths
from workshop.console import say, verbatim

app = typer.Typer(help="Maintain the lessons, the docs and the tests.", no_args_is_help=True)


@app.command()
def chain() -> None:
    """Check that the lessons and the solutions differ only where a manifest allows it."""
    from workshop.course import chain as chains

    errors = chains.errors()
    for sentence in errors:
        say(sentence)
    if errors:
        raise typer.Exit(1)
    say(f"The chain is intact: {len(chains.links())} links.")


@app.command()
def carry(
    file: Annotated[
        str,
        typer.Argument(
            help="A file in a project, such as images/views.py, or the path to the copy that you changed."
        ),
    ],
) -> None:
    """Copy a changed file to all projects in the chain that must contain the same version of the file."""
    from workshop.course import chain as chains

    written = chains.carry(file)
    for path in written:
        say(f"  wrote {paths.shown(path)}")
    say(f"{file}: {len(written)} files updated." if written else f"{file}: all copies are already identical.")


@app.command()
def notebooks() -> None:
    """Remove the outputs from the notebooks before you commit them."""
    from workshop.notebooks import convert

    for file in convert.all_files():
        if convert.strip(file):
            say(f"Removed the outputs from notebooks/{file.name}.")


@app.command()
def faults() -> None:
    """Run the fault-injection tests on the finished system, and write the table for lesson 05."""
    from workshop.dev import test_suite

    raise typer.Exit(test_suite.faults())


@app.command()
def site() -> None:
    """Measure how long the strict build of the docs site takes, and how large its home page is."""
    paths.import_benchmarks()
    from benchmarks import site_size

    raise typer.Exit(site_size.main())


@app.command()
def browser() -> None:
    """Find Chromium for the browser tests, or install it."""
    from workshop.docsite import browser as browsers

    raise typer.Exit(browsers.main())


@app.command()
def tools() -> None:
    """Install what some tests need, such as RabbitMQ, PostgreSQL, nginx and the Kubernetes schemas."""
    from workshop.dev import test_programs as installing

    raise typer.Exit(installing.main())


@app.command()
def pictures() -> None:
    """Re-record the films for the README and the docs' home page, with a still image of each film."""
    from workshop.dev import pictures as taking

    raise typer.Exit(taking.main())


@app.command()
def uploads(
    folders: Annotated[list[Path], typer.Argument(help="Folders that contain pictures.")],
    show_all: Annotated[
        bool, typer.Option("--all", help="Print a line for every file that was not resized.")
    ] = False,
):
    """Upload all files in the folders to the finished site, and count the outcomes."""
    from workshop.dev import upload_trial

    raise typer.Exit(upload_trial.main(folders, show_all))


@app.command()
def runs(
    names: Annotated[
        list[str] | None, typer.Argument(help="Folders (03) or single examples (03/killed). Default: all.")
    ] = None,
    check: Annotated[
        bool,
        typer.Option(
            "--check", help="Run only the quick examples and compare their output, without writing files."
        ),
    ] = False,
    to: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Write the outputs to this folder instead of docs/runs."),
    ] = None,
):
    """Rerun the commands in the terminal examples, and record their output in docs/runs."""
    from workshop.transcripts import record as outputs

    raise typer.Exit(outputs.main(names or [], check, to))


@app.command()
def minutes(
    write: Annotated[
        bool, typer.Option("--write", help="Write the computed minutes to every lesson.toml.")
    ] = False,
) -> None:
    """Estimate how long each step takes a learner. Exits with code 1 if a lesson.toml is out of date."""
    from workshop.dev import lesson_minutes as model

    if write:
        model.write()
    raise typer.Exit(0 if model.show() else 1)


class Texts(StrEnum):
    """The kinds of text that `sentences` can draw from."""

    LESSONS = "lessons"
    PAGES = "pages"
    TOOL = "tool"


@app.command()
def sentences(
    count: Annotated[int, typer.Argument(help="The number of sentences.")] = 60,
    seed: Annotated[int, typer.Option(help="With the same seed, you get the same sentences.")] = 1,
    texts: Annotated[Texts, typer.Option("--of", help="The texts to draw from.")] = Texts.LESSONS,
    lesson: Annotated[str | None, typer.Option(help="Draw only from this lesson, such as 02.")] = None,
) -> None:
    """Print random sentences with their files and line numbers, so that you can judge each one on its own."""
    from workshop.course import lessons
    from workshop.dev import sentences

    if texts == Texts.PAGES:
        known = sentences.of_pages()
    elif texts == Texts.TOOL:
        known = sentences.of_tool()
    elif lesson:
        known = sentences.of_lesson(lessons.find(lesson))
    else:
        known = [sentence for each in lessons.all_lessons() for sentence in sentences.of_lesson(each)]
    for sentence in sentences.sample(known, count, seed):
        verbatim(str(sentence))


@app.command()
def translations(
    name: Annotated[
        str,
        typer.Argument(
            metavar="PAGE", help="A page (lessons/01-sync) or a section of it (lessons/01-sync#step-1-1)."
        ),
    ] = "",
    diff: Annotated[bool, typer.Option("--diff", help="Print what has changed in the English text.")] = False,
    mark: Annotated[bool, typer.Option("--mark", help="Record that the translation is up to date.")] = False,
) -> None:
    """List the sections of the translated pages, and show which ones are older than the English text."""
    from workshop.dev import translations as pages

    raise typer.Exit(pages.main(name, diff, mark))

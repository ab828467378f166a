"""Define the command-line interface: commands, arguments and options. Other modules do the actual work."""

import sys
from typing import Annotated, Literal

import typer

from workshop import __version__, paths
from workshop.console import error_console, say
from workshop.course import lessons
from workshop.course import project as projects
from workshop.course.lessons import Step
from workshop.course.project import Project
from workshop.dev import commands as dev_commands
from workshop.errors import REMEDIES, NotStarted, WorkshopError, describe
from workshop.system import environment, signals

LOOP, RUNNING, MAINTAINERS = "The learner's loop", "Running the project", "For maintainers"

app = typer.Typer(
    help="Move slow work out of a Django request with Celery, lesson by lesson.\n"
    "\n"
    "New here? [bold]./workshop up[/bold] sets everything up and starts lesson 01.",
    epilog="TARGET is a lesson (3, 03, images), a step (3.2), or the path to a project folder. Default: the "
    "project in the current folder, otherwise the lesson that you started last.",
    rich_markup_mode="rich",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
PORT = {"min": 1, "max": 65535}
WITHOUT_REPAIR = ("dev", "docs", "doctor", "test")
"""Commands that don't change a learner's copy. After a crash, they run without repairing the copy first."""
ANY_ARGUMENTS = {"allow_extra_args": True, "ignore_unknown_options": True}

Target = Annotated[
    str | None, typer.Argument(metavar="TARGET", help="A lesson, a step, or a project folder.")
]
StepName = Annotated[str | None, typer.Argument(metavar="STEP", help="One step, such as 3.2.")]
LessonName = Annotated[str, typer.Argument(metavar="LESSON", help="A lesson: 3, 03, 03-images or images.")]


def _version(wanted: bool) -> None:
    if wanted:
        say(f"workshop {__version__}")
        raise typer.Exit


@app.callback()
def common(
    context: typer.Context,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback if an error occurs.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Handle the options that all commands share.

    `main` reads `--debug` separately, because the option can appear anywhere on the command line.
    """
    from workshop.course import journal

    if journal.exists() and context.invoked_subcommand not in WITHOUT_REPAIR:
        from workshop.course import crash_recovery

        if message := crash_recovery.recover():
            say(message, on=error_console)


@app.command(rich_help_panel=LOOP)
def start(lesson: LessonName) -> None:
    """Copy a lesson to playground/, where you work on it.

    The files in lessons/ stay unchanged. If you have already changed your copy, the command keeps it and
    tells you so.
    """
    from workshop.course import playground

    copy = playground.start(lessons.find(lesson))
    say(
        f"Lesson {copy.lesson.name}: {copy.lesson.title}, {copy.lesson.duration}.\n"
        f"Your copy is {copy.shown}. Run it:  ./workshop up {copy.lesson.code}"
    )


@app.command(rich_help_panel=LOOP)
def check(
    target: Target = None,
    step: StepName = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Check every step, even after one has failed.")
    ] = False,
) -> None:
    """Check your work, step by step.

    The check uses its own broker, worker and data, whether or not ./workshop up is running. It stops at the
    first step that fails and explains the failure. With --all, it checks the remaining steps too.
    """
    from workshop.commands import check as check_command

    project, only = _resolve(target, step)
    raise typer.Exit(check_command.main(project, only.id if only else None, everything))


@app.command(rich_help_panel=LOOP)
def watch(target: Target = None, step: StepName = None) -> None:
    """Check your work whenever you save a file, starting with the step that failed last. Stop with Ctrl-C."""
    from workshop.commands import check as check_command

    project, only = _resolve(target, step)
    raise typer.Exit(check_command.watch(project, only.id if only else None))


@app.command(rich_help_panel=LOOP)
def hint(
    step: StepName = None,
    everything: Annotated[bool, typer.Option("--all", help="Show all hints for the step at once.")] = False,
) -> None:
    """Show the next hint for a step (default: the first step you haven't passed yet)."""
    from workshop.commands import hints

    if step is not None and lessons.is_step(step):
        lesson, shown = lessons.find_step(step)
    else:
        lesson = projects.resolve(step).lesson
        shown = hints.open_step(lesson, "To see the hints for a step: ./workshop hint")
    hints.show(lesson, shown, everything)


@app.command(rich_help_panel=LOOP)
def diff(
    target: Target = None,
    file: Annotated[
        str | None, typer.Argument(metavar="FILE", help="One file, such as images/views.py.")
    ] = None,
) -> None:
    """Compare your copy with the solution, file by file.

    If you specify a step, the command shows only the changes that the step requires.
    """
    from workshop.commands import diff as diff_command

    if target and not file and target.endswith((".py", ".html", ".css", ".js", "Procfile")):
        target, file = None, target
    project, step = _resolve(target)
    diff_command.show(project, step, file)


@app.command(rich_help_panel=LOOP)
def solve(
    target: Annotated[
        str | None, typer.Argument(metavar="STEP|LESSON", help="A step (3.2) or a whole lesson (03).")
    ] = None,
) -> None:
    """Apply the solution to a step or to a whole lesson. Your files are backed up first.

    Default: the first step you haven't passed yet.
    """
    from workshop.commands import hints
    from workshop.course import solve as solve_command
    from workshop.runtime import diagnosis

    project, step = _resolve(target)
    if target is None:
        step = hints.open_step(project.lesson, "To apply the solution to a step: ./workshop solve")
    with signals.held():
        solved = solve_command.solve_step(project, step) if step else solve_command.solve_lesson(project)
        say(solve_command.message(project, step, solved, diagnosis.unreadable(project.folder)))


@app.command(rich_help_panel=LOOP)
def reset(lesson: LessonName) -> None:
    """Start a lesson over. Your files and data are backed up first.

    If ./workshop up is running the lesson, the command stops it first.
    """
    from workshop.course import playground
    from workshop.runtime import up_state

    copy = projects.learners_copy(lessons.find(lesson))
    stopped = up_state.stop(copy.folder)
    with signals.held():
        backup = playground.reset(copy)
        say(playground.reset_message(copy, backup, stopped))


@app.command(rich_help_panel=LOOP)
def status() -> None:
    """Show the lessons and your progress."""
    from workshop.commands import status as status_command

    status_command.show()


@app.command(rich_help_panel=RUNNING)
def up(
    target: Target = None,
    port: Annotated[int, typer.Option(help="The site's port.", **PORT)] = 8000,
) -> None:
    """Run a lesson's broker, migrations, site and workers, and show their logs.

    In a fresh clone, this command runs lesson 01. The lesson's Procfile lists the processes. A worker
    restarts when you save a file. Ctrl-C stops all processes and releases all ports and locks.
    """
    from workshop.commands import up as up_command
    from workshop.course import playground, progress

    try:
        project, _ = _resolve(target)
    except NotStarted as error:
        if error.lesson:
            raise
        project = playground.start(lessons.find("1"))
    if project.is_learners:
        progress.set_last_lesson(project.lesson.name)
    raise typer.Exit(up_command.up(project, port))


@app.command(rich_help_panel=RUNNING)
def broker(
    action: Annotated[
        Literal["stop", "start"],
        typer.Argument(metavar="stop|start", help="Whether to stop or start the broker."),
    ],
) -> None:
    """Stop or start just the broker while ./workshop up is running.

    The broker keeps its messages and results only in memory, so they are lost when it stops.
    """
    from workshop.commands import broker_switch

    say(broker_switch.switch(on=action == "start"))


@app.command(rich_help_panel=RUNNING)
def doctor(target: Target = None) -> None:
    """Find problems that keep the workshop from working, and show how to fix them.

    The command checks Python, the disk, the ports, the broker, and the project's code, migrations and result
    backend. It also looks for workers that are missing, belong to another project, or run old code.
    """
    from workshop.commands import doctor as doctor_command

    try:
        project, _ = _resolve(target)
    except NotStarted:
        project = None
    findings = doctor_command.examine(project)
    doctor_command.show(findings)
    raise typer.Exit(0 if all(finding.ok for finding in findings) else 1)


@app.command(rich_help_panel=RUNNING)
def samples(
    folder: Annotated[
        str | None,
        typer.Argument(help="The folder for the photos. Default: samples, in your clone of the workshop."),
    ] = None,
    upload: Annotated[
        int | None, typer.Option(metavar="COUNT", help="Upload this many photos to the running site.")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            help="The port of the site that receives the uploads. Default: the port that "
            "./workshop up uses, or 8000 if ./workshop up isn't running.",
            **PORT,
        ),
    ] = None,
) -> None:
    """Create sample photos: large, rotated, transparent, animated and broken ones."""
    from workshop.photos import samples as sample_photos

    raise typer.Exit(sample_photos.main(folder, upload, port))


@app.command(rich_help_panel=RUNNING)
def demo(
    exit_when_done: Annotated[
        bool, typer.Option("--exit", help="Stop when all photos have been processed.")
    ] = False,
) -> None:
    """Run the finished system and process sample photos with it.

    The demo uses its own broker, ports and data. Without --exit, the site keeps running until you press
    Ctrl-C.
    """
    from workshop.demo import command as demo_command

    raise typer.Exit(demo_command.main(exit_when_done))


@app.command(rich_help_panel=RUNNING)
def docs(
    build: Annotated[
        bool, typer.Option("--build", help="Build the site into site/ without serving it.")
    ] = False,
    port: Annotated[int, typer.Option(help="The port to serve on.", **PORT)] = 8001,
    run_notebooks: Annotated[
        bool, typer.Option(help="Before a build, run the notebooks that have changed since their last run.")
    ] = True,
) -> None:
    """Serve the docs site: lessons, notebooks, guides and reference. Pages are rebuilt when you edit them."""
    from workshop.docsite import site

    raise typer.Exit(site.main(build, port, run_notebooks))


@app.command(rich_help_panel=RUNNING)
def notebooks(
    lesson: Annotated[str | None, typer.Argument(metavar="LESSON", help="The lesson to start with.")] = None,
    port: Annotated[int, typer.Option(help="The port to serve on.", **PORT)] = 8888,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Start the lesson's notebook over. Your copy is backed up first.")
    ] = False,
    browser: Annotated[
        bool, typer.Option("--browser", help="Also open the notebook in your browser.")
    ] = False,
) -> None:
    """Open the notebooks in JupyterLab. The cells use the processes that ./workshop up runs."""
    from workshop.course import progress
    from workshop.notebooks import server as notebook_server

    wanted = lesson or progress.last_lesson()
    raise typer.Exit(notebook_server.main(lessons.find(wanted) if wanted else None, port, fresh, browser))


@app.command(rich_help_panel=RUNNING)
def bench(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NAME",
            help="One or more of visitor, queue, field, resize, learner, growth (default: all).",
        ),
    ] = None,
    quick: Annotated[
        bool,
        typer.Option(
            "--quick", help="Run a short version (under two minutes) to check that everything works."
        ),
    ] = False,
    write: Annotated[bool, typer.Option("--write", help="Update the Benchmarks page in the docs.")] = False,
    page: Annotated[
        bool,
        typer.Option(
            "--page", help="Skip the measurements and write the Benchmarks page from saved results."
        ),
    ] = False,
) -> None:
    """Repeat the workshop's measurements on this machine, and print ratios of values from the same run."""
    paths.import_benchmarks()
    from benchmarks import command

    raise typer.Exit(command.main(names or [], quick, write, page))


@app.command(rich_help_panel=RUNNING)
def cluster(
    workers: Annotated[
        int, typer.Option(metavar="COUNT", help="The number of hosts. Each host runs one worker.")
    ] = 4,
    photos: Annotated[
        int | None,
        typer.Option(metavar="COUNT", help="The number of 12-megapixel photos (default: ten per host)."),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Use small photos and one round to check that everything works.")
    ] = False,
) -> None:
    """Run several workers as if they were on separate hosts, and kill one of them.

    The hosts don't share a disk, so the photos are in an S3 store. The database is PostgreSQL if
    PostgreSQL is installed.
    """
    from workshop.cluster import command

    raise typer.Exit(command.main(workers, photos, quick))


@app.command(rich_help_panel=RUNNING, context_settings=ANY_ARGUMENTS | {"help_option_names": ["--help"]})
def compose(context: typer.Context) -> None:
    """Run the project in Docker Compose, as on real servers. All arguments are passed to docker compose.

    The first run creates .env with random secrets. To start the project: ./workshop compose up --build --wait
    """
    from workshop.runtime import compose as compose_command

    raise typer.Exit(compose_command.main(context.args))


@app.command(rich_help_panel=MAINTAINERS, context_settings=ANY_ARGUMENTS)
def test(context: typer.Context) -> None:
    """Run all of the workshop's tests. Additional arguments are passed to pytest.

    The format check and the linter run first.
    """
    from workshop.dev import test_suite

    raise typer.Exit(test_suite.main(context.args))


app.add_typer(dev_commands.app, name="dev", rich_help_panel=MAINTAINERS)


def _resolve(target: str | None, step: str | None = None) -> tuple[Project, Step | None]:
    """Return the project and the step that a command's two arguments name, in either order.

    Raises:
        WorkshopError: Both arguments are steps.
    """
    if target and step and lessons.is_step(target) and not lessons.is_step(step):
        target, step = step, target
    if target and lessons.is_step(target):
        if step:
            raise WorkshopError(f"Name one step at a time: {target} or {step}.")
        lesson, only = lessons.find_step(target)
        return projects.for_lesson(lesson), only
    project = projects.resolve(target)
    return project, project.lesson.step(step) if step else None


@signals.as_ctrl_c()
def main() -> None:
    """Run the command that the user typed.

    If the command fails, the error is printed as a sentence, and the exit code is 1. With `--debug`, the
    traceback is shown too.
    """
    debug = "--debug" in sys.argv
    environment.bypass_proxies()
    try:
        app([argument for argument in sys.argv[1:] if argument != "--debug"], prog_name="./workshop")
    except KeyboardInterrupt:
        sys.exit(signals.INTERRUPTED)
    except Exception as error:
        if debug:
            raise
        if isinstance(error, WorkshopError):
            say(str(error), on=error_console)
        elif isinstance(error, OSError) and error.errno in REMEDIES:
            say(describe(error), on=error_console)
        else:
            say(
                f"This is a bug in the workshop ({type(error).__name__}: {error}). Your files are safe. To "
                "see where the bug is, run the command again as ./workshop --debug …",
                on=error_console,
            )
        sys.exit(1)

"""How long `./workshop check` takes on lessons that are solved: what a learner waits after every save."""

import os
import statistics
import subprocess
import sys
from functools import partial
from pathlib import Path

from . import paths
from .console import console
from .errors import WorkshopError
from .figures import Goal, alternate, spread

ROUNDS = 5
GOALS = {"01-sync": 3.0, "03-images": 8.0}
"""Seconds at most, by solution."""


def measure() -> list[Goal]:
    """Check the solutions in turn, each in a process of its own; print the seconds, return the goals.

    Raises WorkshopError when a solution does not pass, because a run that fails ends sooner.
    """
    seconds = alternate({name: partial(check, paths.SOLUTIONS / name) for name in GOALS}, ROUNDS)
    for name, times in seconds.items():
        console.print(f"  ./workshop check solutions/{name}: {spread(times)}", markup=False, soft_wrap=True)
    return [
        Goal(f"check of {name}", statistics.median(seconds[name]), limit, at_most=True, unit="s")
        for name, limit in GOALS.items()
    ]


def check(folder: Path) -> None:
    """Run `./workshop check` on the project in `folder`. Raises WorkshopError when it does not pass."""
    done = subprocess.run(
        [sys.executable, "-P", "-m", "workshop", "check", str(folder)],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise WorkshopError(
            f"{paths.shown(folder)} does not pass its checks, so there is nothing to measure.\n{done.stdout}"
        )

"""Run the site of lesson 01, which resizes photos in the request, next to the notebook's own site."""

import contextlib
import sys
from collections.abc import Iterator

from workshop import paths
from workshop.errors import WorkshopError
from workshop.system.child import Child
from workshop.system.environment import inherited

LESSON = "01-sync"


@contextlib.contextmanager
def blocking_site() -> Iterator[str]:
    """Run the finished site of lesson 01 during the block, and yield its address.

    Raises WorkshopError if the site does not start.
    """
    # On a leash, so that it exits even if the kernel is killed. It is not in the kernel's session, so
    # interrupting a cell doesn't reach it.
    command = [sys.executable, "-m", "workshop.runtime.solution_site", LESSON]
    environment = inherited() | {"PYTHONPATH": str(paths.SOURCES)}
    with Child(command, environment=environment, leash=True) as keeper:
        address = next(keeper.lines(), "")
        if not address.startswith("http"):
            keeper.wait()
            raise WorkshopError(f"The site of lesson 01 did not start. {keeper.output.strip()}")
        yield address

"""Run the site of lesson 01, which resizes photos in the request, next to the notebook's own site."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator

from workshop import paths
from workshop.errors import WorkshopError
from workshop.system.environment import inherited

LESSON = "01-sync"


@contextlib.contextmanager
def blocking_site() -> Iterator[str]:
    """Run the finished site of lesson 01 during the block, and yield its address.

    Raises WorkshopError if the site does not start.
    """
    # The site runs in a separate process, which exits when this pipe closes, even if the kernel is killed.
    # The process has its own session, because an interrupt reaches all processes in the kernel's session.
    keeper = subprocess.Popen(
        [sys.executable, "-m", "workshop.runtime.serve_solution", LESSON],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=inherited() | {"PYTHONPATH": str(paths.SOURCES)},
        start_new_session=True,
    )
    try:
        address = keeper.stdout.readline().strip()
        if not address.startswith("http"):
            why = f"{address}\n{keeper.stdout.read()}".strip()
            raise WorkshopError(f"The site of lesson 01 did not start. {why}")
        yield address
    finally:
        keeper.stdin.close()
        keeper.wait()
        keeper.stdout.close()

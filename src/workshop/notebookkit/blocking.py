"""The site of lesson 01, which resizes in the request, for a moment beside the notebook's own."""

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
    """Start the finished site of lesson 01, and yield its address; behind the `with` nothing of it stays.

    Raises WorkshopError when it does not start.
    """
    # In a process of its own, which ends when this pipe closes: also when the kernel is killed. An interrupt
    # goes to all processes of the kernel's session, and so not to this one.
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

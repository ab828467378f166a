"""Upload many photos at once, to compare the running site with the site of lesson 01."""

import contextlib
import sys
from collections.abc import Iterator

from workshop import paths
from workshop.errors import WorkshopError
from workshop.photos import concurrent_uploads
from workshop.photos.concurrent_uploads import Load
from workshop.system.child import Child
from workshop.system.environment import inherited

from .project import OWN

LESSON = "01-sync"


@contextlib.contextmanager
def blocking_site() -> Iterator[str]:
    """Run the finished site of lesson 01 for the duration of the `with` block.

    This site resizes photos during the request.

    Yields:
        The site's address.

    Raises:
        WorkshopError: The site does not start.
    """
    # With `leash`, the site exits even if the kernel is killed. The site is not in the kernel's session, so
    # interrupting a cell doesn't stop the site.
    command = [sys.executable, "-m", "workshop.runtime.solution_site", LESSON]
    environment = inherited() | {"PYTHONPATH": str(paths.SOURCES)}
    with Child(command, environment=environment, leash=True) as site:
        address = next(site.lines(), "")
        if not address.startswith("http"):
            site.wait()
            raise WorkshopError(f"The site of lesson 01 did not start. {site.output.strip()}")
        yield address


def upload_at_once(address: str, content: bytes, count: int = 10) -> Load:
    """Upload a photo several times at once, while another visitor opens pages.

    Args:
        address: The site's address.
        content: The bytes of the photo.
        count: How many times to upload the photo.

    Raises:
        WorkshopError: The site doesn't respond or rejects a photo.
    """
    measured = concurrent_uploads.upload_at_once(address, [f"{OWN}-at-once.jpg"] * count, content)
    for answer in measured.uploads:
        answer.raise_for_refusal()
    return measured

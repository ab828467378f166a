"""The docs site: served while it is written, or built into `site/`."""

import subprocess
import sys

from . import paths
from .console import console
from .errors import WorkshopError


def main(build: bool, port: int) -> int:
    """Build the site strictly, or serve it on `port` until Ctrl-C; the exit code of mkdocs.

    Raises WorkshopError when there is no mkdocs.yml.
    """
    if not (paths.ROOT / "mkdocs.yml").is_file():
        raise WorkshopError(
            "There is no docs site yet: mkdocs.yml is missing. The lesson texts are in docs/lessons/."
        )
    if build:
        return _mkdocs("build", "--strict")
    console.print(f"The docs are on http://localhost:{port} · stop: Ctrl-C", markup=False)
    return _mkdocs("serve", "--dev-addr", f"localhost:{port}")


def _mkdocs(*arguments: str) -> int:
    command = [sys.executable, "-m", "mkdocs", *arguments]
    return subprocess.run(command, cwd=paths.ROOT, check=False).returncode

"""The docs site: served while it is written, or built into `site/`."""

import os
import subprocess
import sys
from pathlib import Path

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
        return make()
    console.print(f"The docs are on http://localhost:{port} · stop: Ctrl-C", markup=False)
    return _mkdocs("serve", "--dev-addr", f"localhost:{port}")


def make(target: Path | None = None) -> int:
    """Build the site strictly, into `target` or `site/`; the exit code of mkdocs."""
    return _mkdocs("build", "--strict", *(["--site-dir", str(target)] if target else []))


def _mkdocs(*arguments: str) -> int:
    command = [sys.executable, "-P", "-m", "mkdocs", *arguments]
    # The pages take code out of the lessons with an extension that lies beside this module.
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1]), "NO_MKDOCS_2_WARNING": "1"}
    return subprocess.run(command, cwd=paths.ROOT, env=environment, check=False).returncode

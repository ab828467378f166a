"""The docs site: a copy of everything that it is built from, and the strict build."""

import shutil
import subprocess
import sys
from pathlib import Path

from workshop import paths
from workshop.docsite import notebook_pages
from workshop.system.environment import inherited

FOLDERS = ("docker", "docs", "lessons", "overrides", "solutions")
FILES = ("mkdocs.yml", "Dockerfile", "docker-compose.yml")


def copy_sources(root: Path) -> Path:
    """Copy everything that the site is built from to `root`, to change it there. Returns `root`."""
    notebook_pages.write()
    for folder in FOLDERS:
        ignored = shutil.ignore_patterns("data", "checks")
        shutil.copytree(paths.ROOT / folder, root / folder, ignore=ignored)
    for file in FILES:
        shutil.copy(paths.ROOT / file, root)
    (root / "src").symlink_to(paths.SOURCES)
    return root


def build(root: Path, target: Path) -> subprocess.CompletedProcess[str]:
    """Build the site of the clone in `root` into `target`, and fail on each warning."""
    notebook_pages.write()
    variables = {"PYTHONPATH": str(paths.SOURCES), "WORKSHOP_ROOT": str(root), "NO_MKDOCS_2_WARNING": "1"}
    # Not --quiet: a warning that is not printed is not counted either, and --strict lets it pass.
    return subprocess.run(
        [sys.executable, "-P", "-m", "mkdocs", "build", "--strict", "-d", str(target)],
        cwd=root,
        env=inherited() | variables,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )

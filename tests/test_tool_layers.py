"""The layers of src/workshop, which pyproject.toml lists and CONTRIBUTING.md explains."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from workshop import paths
from workshop.system.environment import inherited


def lint(folder: Path, sources: Path) -> subprocess.CompletedProcess:
    """import-linter with the contracts of pyproject.toml, on the package in `sources`."""
    return subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=folder,
        env=inherited() | {"PYTHONPATH": str(sources)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_imports_go_downwards_and_not_in_circles():
    done = lint(paths.ROOT, paths.SOURCES)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("system/ports.py", "from workshop.runtime import broker"),
        ("course/lessons.py", "def late():\n    from workshop.commands import up"),
        ("system/signals.py", "from workshop.system import child"),
        ("new_module.py", "from workshop import paths"),
    ],
    ids=["upwards", "inside a function", "a circle", "no layer"],
)
def test_a_wrong_import_is_an_error(tmp_path, module, line):
    shutil.copytree(
        paths.SOURCES / "workshop", tmp_path / "src/workshop", ignore=shutil.ignore_patterns("__pycache__")
    )
    shutil.copy(paths.ROOT / "pyproject.toml", tmp_path)
    file = tmp_path / "src/workshop" / module
    file.write_text((file.read_text() if file.exists() else "") + f"\n{line}\n")
    done = lint(tmp_path, tmp_path / "src")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "BROKEN" in done.stdout or "new_module" in done.stdout


def test_the_map_is_the_tree():
    """Each package and module of the first level is in the table of CONTRIBUTING.md, and nothing else is."""
    text = (paths.ROOT / "CONTRIBUTING.md").read_text()
    table = text.partition("## The tool")[2].partition("Where do I put")[0]
    cells = re.findall(r"^\| (`.+?`) \|", table, re.M)
    listed = {name.rstrip("/") for cell in cells for name in re.findall(r"`(.+?)`", cell)}
    # A folder without modules is what a checkout of an older commit has left: only its __pycache__.
    tool = paths.SOURCES / "workshop"
    there = {file.relative_to(tool).parts[0] for file in tool.rglob("*.py")}
    assert listed == there - {"__init__.py", "__main__.py"}

"""The hooks that git runs before a commit of a maintainer: .pre-commit-config.yaml."""

import shutil
import subprocess
import sys

import pytest
import yaml
from pre_commit.clientlib import MANIFEST_HOOK_DICT

from workshop import paths

HOOKS = paths.ROOT / ".pre-commit-config.yaml"
REPOSITORIES = yaml.safe_load(HOOKS.read_text(encoding="utf-8"))["repos"]


def hooks():
    return [hook for repository in REPOSITORIES for hook in repository["hooks"]]


def test_hooks_have_no_versions_of_their_own():
    """They run what requirements.txt pins, so a commit and `./workshop test` always agree."""
    assert {repository["repo"] for repository in REPOSITORIES} == {"local"}
    assert not any("additional_dependencies" in hook for hook in hooks())
    assert {hook["entry"].split()[0] for hook in hooks()} == {".venv/bin/ruff", "./workshop"}


def test_hooks_have_only_keys_that_pre_commit_knows():
    """pre-commit passes over a key that it does not know."""
    known = {item.key for item in MANIFEST_HOOK_DICT.items if hasattr(item, "key")}
    assert {"id", "entry", "require_serial", "pass_filenames"} <= known
    assert {key for hook in hooks() for key in hook} <= known


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """A new repository with the hooks, the settings of ruff and the workshop's own environment."""
    for name in ("GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PRE_COMMIT_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "clone"
    folder.mkdir()
    shutil.copy(HOOKS, folder)
    shutil.copy(paths.ROOT / "pyproject.toml", folder)
    (folder / ".venv").symlink_to(sys.prefix, target_is_directory=True)
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
    return folder


def commit_checks(folder):
    subprocess.run(["git", "add", "*.py", "*.yaml", "*.toml"], cwd=folder, check=True)
    command = [sys.executable, "-m", "pre_commit", "run", "--color", "never"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)


def test_hooks_put_a_file_right_before_it_is_committed(clone):
    file = clone / "tests/careless.py"
    file.parent.mkdir()
    file.write_text("import sys\nimport os\nprint( os.name )\n")
    first = commit_checks(clone)
    assert first.returncode == 1, first.stdout + first.stderr
    assert "files were modified by this hook" in first.stdout
    assert file.read_text() == "import os\n\nprint(os.name)\n"
    second = commit_checks(clone)
    assert second.returncode == 0, second.stdout + second.stderr

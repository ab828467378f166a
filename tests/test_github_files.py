"""Files that GitHub reads: the workflows and their actions, and the README's links, which a fork fills in.

Whether the files fit their schemas is in test_schemas.py.
"""

import os
import re
import shutil
import subprocess

import pytest
import yaml
from mkdocs.config import load_config
from typer.main import get_command

from workshop import cli, paths

WORKFLOWS = sorted((paths.ROOT / ".github/workflows").glob("*.y*ml"))
PINNED = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}")
PLACEHOLDERS = (b"OWNER/REPOSITORY", b"OWNER.github.io")
NOT_IN_GIT = {".git", ".venv", ".workshop", "__pycache__", "data", "playground", "samples", "site"}

each_workflow = pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)


def read(file):
    return yaml.safe_load(file.read_text(encoding="utf-8"))


def used(workflow):
    """Every action and every workflow of another repository that a workflow uses, at any depth."""
    if isinstance(workflow, dict):
        here = [workflow["uses"]] if isinstance(workflow.get("uses"), str) else []
        return here + [found for value in workflow.values() for found in used(value)]
    return [found for value in workflow for found in used(value)] if isinstance(workflow, list) else []


def unpinned(text):
    """The actions in the text of a workflow that are not named by a commit with the version in a comment."""
    return [
        action
        for action in used(yaml.safe_load(text))
        if not action.startswith("./")
        and not (
            PINNED.fullmatch(action) and re.search(rf"{re.escape(action)} # v\d+\.\d+\.\d+$", text, re.M)
        )
    ]


@each_workflow
def test_every_action_is_pinned_by_its_commit(file):
    text = file.read_text(encoding="utf-8")
    assert used(yaml.safe_load(text))
    assert unpinned(text) == []


COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("action", "right"),
    [
        (f"actions/checkout@{COMMIT} # v1.2.3", True),
        (f"owner/repository/folder@{COMMIT} # v1.2.3", True),
        ("./.github/actions/ours", True),
        ("actions/checkout@v4", False),
        ("actions/checkout@main # v4.0.0", False),
        (f"actions/checkout@{COMMIT}", False),
        (f"actions/checkout@{COMMIT} # pinned", False),
        (f"actions/checkout@{COMMIT} # v4", False),
        (f"actions/checkout@{COMMIT[:12]} # v1.2.3", False),
    ],
)
def test_an_action_that_is_not_pinned_is_found(action, right):
    assert (unpinned(f"jobs:\n  a:\n    steps:\n      - uses: {action}\n") == []) is right
    assert (unpinned(f"jobs:\n  a:\n    uses: {action}\n") == []) is right


def test_one_version_of_each_action():
    """Two commits of one action in two workflows: one of them was forgotten."""
    found = {}
    for file in WORKFLOWS:
        for action in used(read(file)):
            name, _, commit = action.partition("@")
            found.setdefault(name, set()).add(commit)
    assert [name for name, commits in found.items() if len(commits) > 1] == []


def test_only_the_job_that_publishes_may_write():
    writes = set()
    for file in WORKFLOWS:
        workflow = read(file)
        assert "write" not in workflow["permissions"].values(), file.name
        for name, job in workflow["jobs"].items():
            granted = job.get("permissions", {})
            writes |= {(file.name, name, what) for what, level in granted.items() if level == "write"}
    assert writes == {("docs.yml", "deploy", "pages"), ("docs.yml", "deploy", "id-token")}


@each_workflow
def test_workflows_run_commands_that_there_are(file):
    known = get_command(cli.app).commands
    named = re.findall(r"\./workshop (\w+)", file.read_text(encoding="utf-8"))
    assert named
    assert set(named) <= set(known)


@pytest.mark.parametrize(
    ("published", "address"),
    [(None, ""), ("https://example.org/photos", "https://example.org/photos/")],
)
def test_the_site_knows_its_address_where_it_is_published(monkeypatch, published, address):
    """Without one, a page that is not found looks for its styles in the root of the host."""
    monkeypatch.delenv("WORKSHOP_SITE_URL", raising=False)
    if published:
        monkeypatch.setenv("WORKSHOP_SITE_URL", published)
    assert (load_config(str(paths.ROOT / "mkdocs.yml"))["site_url"] or "") == address
    steps = read(paths.ROOT / ".github/workflows/docs.yml")["jobs"]["build"]["steps"]
    assert any("WORKSHOP_SITE_URL" in step.get("env", {}) for step in steps)


def with_placeholder():
    """The files of the repository that name a placeholder, without this one."""
    found = set()
    for folder, below, names in os.walk(paths.ROOT):
        below[:] = [name for name in below if name not in NOT_IN_GIT]
        for name in names:
            file = paths.ROOT / folder / name
            if file.is_file() and any(each in file.read_bytes() for each in PLACEHOLDERS):
                found.add(file.relative_to(paths.ROOT).as_posix())
    return found - {"tests/test_github_files.py"}


def test_the_placeholder_is_only_where_a_fork_looks_for_it():
    assert with_placeholder() <= {"README.md", "CONTRIBUTING.md"}


def test_the_command_for_a_fork_fills_in_every_placeholder(tmp_path):
    readme = (paths.ROOT / "README.md").read_text(encoding="utf-8")
    assert ("OWNER" in readme) == ("REPOSITORY" in readme), "one of the two names is not filled in"
    if "OWNER" not in readme:
        pytest.skip("this README has its names already")
    guide = (paths.ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    [command] = re.findall(r"^ {4}(sed .*)$", guide, re.M)
    shutil.copy(paths.ROOT / "README.md", tmp_path)
    command = command.replace("your-name", "ada").replace("your-repository", "photos")
    subprocess.run(command, shell=True, cwd=tmp_path, check=True)
    filled = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "OWNER" not in filled
    assert "REPOSITORY" not in filled
    assert "https://ada.github.io/photos/" in filled
    assert "https://codespaces.new/ada/photos" in filled
    assert "https://github.com/ada/photos/actions/workflows/test.yml" in filled
    assert [file.name for file in tmp_path.iterdir()] == ["README.md"]


def test_the_badge_names_a_workflow_that_there_is():
    readme = (paths.ROOT / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"actions/workflows/([\w.-]+)", readme))
    assert named
    assert named <= {file.name for file in WORKFLOWS}

"""A chain of two made-up lessons in a temporary folder, for tests of commands that use lessons."""

from pathlib import Path

import files
import pytest

from workshop import paths

VIEWS_START = '''"""Views."""

import json


def first():
    # TODO 1.1: answer one
    pass


def second():
    # TODO 1.2: answer two
    pass


def given():
    return 0
'''

VIEWS_DONE = '''"""Views."""

import json

from .numbers import two


def first():
    return 1


def second():
    return two()


def given():
    return 0
'''

VIEWS_START_2 = VIEWS_DONE + "\n\n# TODO 2.1: third\n"

FILES = {
    "lessons/01-one": {"images/views.py": VIEWS_START, "Procfile": "web: python manage.py\n"},
    "solutions/01-one": {
        "images/views.py": VIEWS_DONE,
        "images/numbers.py": "def two():\n    return 2\n",
        "Procfile": "web: python manage.py\n",
    },
    "lessons/02-two": {
        "images/views.py": VIEWS_START_2,
        "images/numbers.py": "def two():\n    return 2\n",
        "Procfile": "web: python manage.py\nworker: celery\n",
    },
    "solutions/02-two": {
        "images/views.py": VIEWS_DONE + "\n\ndef third():\n    return 3\n",
        "images/numbers.py": "def two():\n    return 2\n",
        "Procfile": "web: python manage.py\nworker: celery\n",
    },
}

MANIFESTS = {
    "01-one": """
title = "The first"
reading = 5
goals = ["begin"]
changed = []

[[steps]]
id = "1.1"
title = "One"
minutes = 3
files = ["images/views.py"]
hints = ["What comes before two?", "return 1"]

[[steps]]
id = "1.2"
title = "Two"
minutes = 3
files = ["images/views.py", "images/numbers.py"]
hints = ["What comes after one?", "return two()"]
""",
    "02-two": """
title = "The second"
reading = 10
goals = ["go on"]
changed = ["images/views.py", "Procfile"]
keeps = ["01-one/checks/test_1_1_one.py"]

[waits]
worker = "2.1"

[[steps]]
id = "2.1"
title = "Three"
minutes = 3
files = ["images/views.py"]
hints = ["And then?", "return 3"]
""",
}


def build(root: Path) -> Path:
    """Write the chain below `root`, with files that no copy contains: data, checks, bytecode."""
    for folder, content in FILES.items():
        files.write(root / folder, {"manage.py": "# manage\n", "images/__init__.py": "", **content})
    for name, manifest in MANIFESTS.items():
        content = {
            "lesson.toml": manifest,
            "README.md": f"# {name}\n",
            "checks/test_one.py": "",
            "data/db.sqlite3": "not yours",
            "images/__pycache__/views.cpython-311.pyc": "",
        }
        files.write(root / "lessons" / name, content)
    return root


def use(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the workshop use `root`, which also becomes the current folder."""
    monkeypatch.setattr(paths, "ROOT", root)
    for name, folder in {
        "LESSONS": "lessons",
        "SOLUTIONS": "solutions",
        "DOCS": "docs",
        "PLAYGROUND": "playground",
        "BACKUPS": "playground/.backup",
        "STATE": ".workshop",
    }.items():
        monkeypatch.setattr(paths, name, root / folder)
    monkeypatch.chdir(root)

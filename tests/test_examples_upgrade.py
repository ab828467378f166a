"""docs/examples/upgrade: which messages a worker of another version still understands."""

import os
import subprocess
import sys

import pytest

from workshop import paths

SCRIPT = paths.DOCS / "runs/guides/upgrade-celery/versions.py"
SHRUNK, LOST = "shrink 7 into 1024x768", "left on the broker: 0 waiting, 0 not acknowledged"


@pytest.mark.parametrize(
    ("sender", "worker", "says"),
    [
        ("before", "at_once", "TypeError"),
        ("at_once", "before", "TypeError"),
        ("before", "renamed", "Received unregistered task of type 'shop.resize'"),
        ("before", "first", SHRUNK),
        ("first", "first", SHRUNK),
    ],
)
def test_what_becomes_of_a_message(broker, sender, worker, says):
    folder = paths.DOCS / "examples/upgrade"
    environment = os.environ | {"REDIS_URL": broker.url, "PYTHONPATH": str(folder)}
    done = subprocess.run(
        [sys.executable, SCRIPT, sender, worker],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr
    assert says in done.stdout
    assert LOST in done.stdout

"""An upload that the disk does not take: a sentence, no row, and no file."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from workshop import paths
from workshop.runtime.broker import Broker
from workshop.system.environment import inherited

INSIDE = Path(__file__).with_name("full_disk_inside.py")
SOLUTIONS = sorted(folder.name for folder in paths.SOLUTIONS.glob("[0-9]*"))


@pytest.fixture(scope="module")
def broker():
    with Broker(prefer=None) as broker:
        yield broker.url


@pytest.mark.parametrize("name", SOLUTIONS)
def test_nothing_is_kept_by_half(name, broker, tmp_path):
    environment = inherited() | {
        "DATA_DIR": str(tmp_path),
        "DJANGO_SETTINGS_MODULE": "myproject.settings",
        "PYTHONPATH": str(paths.ROOT / "src"),
        "REDIS_URL": broker,
    }
    done = subprocess.run(
        [sys.executable, str(INSIDE)],
        cwd=paths.SOLUTIONS / name,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["statuses"] == [200, 200, 200]
    assert "Your photos could not be stored, so none was kept. Try again later." in found["page"]
    assert found["rows"] == 2, "the photos of the other two uploads"
    # In lessons 01 and 02 Django's own storage leaves the half file.
    assert found["stored"] == (["small.jpg"] if name >= "03" else ["large.jpg", "small.jpg"])
    assert "An upload cannot be stored." in done.stderr

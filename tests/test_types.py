"""The types of the lessons' code, as mypy and django-stubs see them."""

import subprocess
import sys

from workshop import paths
from workshop.course import project

CONFIG = paths.ROOT / "mypy.ini"
SOLUTION = paths.SOLUTIONS / "05-beat"


def mypy(tmp_path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", str(CONFIG), "--cache-dir", "/dev/null", *arguments],
        cwd=SOLUTION,
        env=project.at(SOLUTION).environment(data=tmp_path) | {"MYPYPATH": str(SOLUTION)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_last_solution_has_no_type_errors(tmp_path):
    done = mypy(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_wrong_argument_is_found(tmp_path):
    wrong = tmp_path / "wrong.py"
    wrong.write_text(
        "from images.models import UploadedImage\n"
        "from upkeep.locks import new_lock\n\n"
        'new_lock("beat", "thirty")\n'
        "UploadedImage.objects.filter(pk=1).pendig()\n"
    )
    done = mypy(tmp_path, str(wrong))
    assert 'Argument 2 to "new_lock" has incompatible type "str"' in done.stdout
    assert 'has no attribute "pendig"' in done.stdout

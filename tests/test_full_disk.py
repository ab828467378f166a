"""An upload that does not fit on the disk: a sentence, no row, and no file."""

import json

import pytest
from projects import IN_PROJECT, SOLUTIONS


@pytest.mark.parametrize("name", SOLUTIONS)
def test_an_upload_is_stored_completely_or_not_at_all(name, solution, broker):
    done = solution(name, REDIS_URL=broker.url).python(IN_PROJECT / "run.py", "full_disk.uploads")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["statuses"] == [200, 200, 200]
    assert "Your photos could not be stored, so none was kept. Try again later." in found["page"]
    assert found["rows"] == 2, "the photos of the other two uploads"
    # In lessons 01 and 02, Django's own storage leaves the incomplete file.
    assert found["stored"] == (["small.jpg"] if name >= "03" else ["large.jpg", "small.jpg"])
    assert "An upload cannot be stored." in done.stderr

"""Test with a worker but without `transaction=True`: the worker can't find the test's row.

Copy this file into docs/examples/testing. Then run, in solutions/03-images:
python -m pytest ../../docs/examples/testing/test_trap.py --tb=line -q
"""

import pytest
from images.tasks import describe_photo_task


@pytest.mark.django_db
def test_a_process(make_photo, worker):
    describe_photo_task.delay(make_photo().pk).get(timeout=30)

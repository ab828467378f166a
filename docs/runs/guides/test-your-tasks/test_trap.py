"""The mark `django_db` without `transaction=True`, and a worker: what does the worker find?

Copy it into docs/examples/testing, and in solutions/03-images:
python -m pytest ../../docs/examples/testing/test_trap.py --tb=line -q
"""

import pytest
from images.tasks import describe_photo_task


@pytest.mark.django_db
def test_a_process(make_photo, worker):
    describe_photo_task.delay(make_photo().pk).get(timeout=30)

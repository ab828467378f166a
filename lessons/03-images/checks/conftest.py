"""What the checks of this lesson share."""

import pytest

from workshop.checkkit import Complaint, until


@pytest.fixture
def task(app):
    """resize_image_task."""
    from images.tasks import resize_image_task

    return resize_image_task


@pytest.fixture
def storage():
    """storage("down"), storage("slow 5"), storage("ok"): how the storage of the resized photos behaves."""
    from images.storage import switch

    yield lambda mode: switch().write_text(mode)
    switch().unlink(missing_ok=True)


@pytest.fixture
def settled(worker):
    """settled(photo) waits until the photo is resized or failed, and returns it as it is then."""

    def wait(photo, seconds=15):
        def over():
            photo.refresh_from_db()
            return photo.is_processed or photo.failure_reason

        until(over, seconds)
        return photo

    return wait


@pytest.fixture
def attempt(task, queue):
    """attempt(photo, retries=0) runs the task here as a worker does; returns (exception or None, messages sent).

    What the task sends to be tried again lies on the queue, where no worker takes it.
    """

    def run(photo, retries=0):
        before = len(queue.messages())
        task.push_request(
            id=f"attempt-{retries}",
            args=[photo.pk],
            kwargs={},
            retries=retries,
            called_directly=False,
            is_eager=False,
            delivery_info={"routing_key": queue.name, "exchange": ""},
        )
        error = None
        try:
            task.run(photo.pk)
        except Complaint:
            raise
        except Exception as raised:
            error = raised
        finally:
            task.pop_request()
        return error, queue.messages()[before:]

    return run

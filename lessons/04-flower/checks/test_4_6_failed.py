import json
import os
from pathlib import Path

import pytest
from celery import chord

from workshop.checkkit import complain, expect, photos, until

pytestmark = [pytest.mark.step("4.6"), pytest.mark.long]

FILE = "images/tasks.py, describe_for_summary_task()"


@pytest.fixture
def summary(app, worker):
    """summary(ids) sends a chord over the photos with these ids, and returns its AsyncResult."""
    from images.tasks import describe_for_summary_task, summarize_task

    return lambda ids: chord([describe_for_summary_task.s(each) for each in ids])(summarize_task.s())


def outcome(task, what, why, **facts):
    """The summary, once it is there."""
    until(task.ready)
    if task.state != "SUCCESS":
        error = task.result if task.state == "FAILURE" else None
        text = f"{type(error).__name__}: {error}".splitlines()[0] if error else "none"
        none = "NoneType" in text
        complain(
            f"{what}, and the summary did not come.",
            "A member that returns nothing returns None. Return what the summary can list: the id, and why."
            if none
            else why,
            state=task.state,
            exception=text,
            file=FILE,
            **facts,
        )
    return task.result


def test_one_is_gone(summary, photo):
    """A photo that was deleted meanwhile is listed as failed, and the summary of the others comes."""
    kept, gone = photo(photos.jpeg(80, 60)), photo(photos.jpeg(80, 60))
    missing = gone.pk
    gone.delete()
    what = "one of two photos was deleted while they were being summed up"
    result = outcome(
        summary([kept.pk, missing]),
        what,
        "When one member of a chord raises, its last task is not called. What is to be expected, such as a photo "
        "that is gone, the member can return instead.",
    )
    expect_listed(result, what, missing)


def test_one_is_damaged(summary, photo):
    """A photo that cannot be read is listed as failed, whatever is wrong with it."""
    kept = photo(photos.jpeg(80, 60))
    damaged, lost, bomb = (photo(photos.jpeg(80, 60)) for _ in range(3))
    Path(damaged.image.path).write_bytes(photos.garbage())
    Path(bomb.image.path).write_bytes(photos.bomb())
    lost.image.storage.delete(lost.image.name)
    for each, what in (
        (damaged, "one of two files is no picture"),
        (lost, "the file of one of two photos is gone"),
        (bomb, "one of two files has more pixels than Pillow opens"),
    ):
        result = outcome(
            summary([kept.pk, each.pk]),
            what,
            "For a file that cannot be read, pictures.py raises UnreadablePicture. A missing file is an OSError.",
        )
        expect_listed(result, what, each.pk)


def expect_listed(result, what, pk):
    failed = result["failed"]
    right = len(failed) == 1 and failed[0].get("id") == pk and failed[0].get("error")
    expect(
        right and isinstance(failed[0]["error"], str) and result["photos"] == 1,
        f"{what}, and the summary does not say which, and why.",
        expected=json.dumps({"photos": 1, "failed": [{"id": pk, "error": "…"}]}),
        found=json.dumps({"photos": result["photos"], "failed": failed}),
        file=FILE,
    )


def test_one_is_killed(app, summary, worker, ended, photo, tmp_path):
    """When the process that is at one photo is killed, the summary comes all the same."""
    from images.tasks import describe_for_summary_task as member

    held, other = photo(photos.jpeg(80, 60), "held.jpg"), photo(photos.jpeg(80, 60))
    file = Path(held.image.path)
    content = file.read_bytes()
    file.unlink()
    os.mkfifo(file)  # whoever opens it waits
    task = summary([held.pk, other.pk])

    def process():
        replies = app.control.broadcast("active", reply=True, limit=1, timeout=5) or []
        tasks = [each for reply in replies for found in reply.values() for each in found]
        return next((each["worker_pid"] for each in tasks if held.pk in each["args"]), None)

    pid = until(process)
    if not pid:
        complain(
            "the worker did not begin with the photos.", worker_says=worker.log.splitlines()[-1], file=FILE
        )
    until(lambda: all(ended(each.id) for each in task.parent.results[1:]))  # the other process is idle now
    whole = tmp_path / "whole.jpg"
    whole.write_bytes(content)
    os.replace(whole, file)
    worker.kill_child(pid)
    result = outcome(
        task,
        f"process {pid} was killed with -9 while it looked at one of two photos",
        "A process that is killed returns nothing, and its message was acknowledged when it began. With acks_late it "
        "is acknowledged behind the work, and reject_on_worker_lost gives it to another process.",
        options=f"acks_late={member.acks_late}, reject_on_worker_lost={member.reject_on_worker_lost}",
    )
    expect(
        result["photos"] == 2,
        f"process {pid} was killed with -9, and the summary leaves its photo out.",
        found=json.dumps(result),
        file=FILE,
    )

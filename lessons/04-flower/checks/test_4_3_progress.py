import json
import uuid

import pytest
from celery.result import AsyncResult
from django.urls import reverse

from workshop.checkkit import complain, expect, photos, until

pytestmark = pytest.mark.step("4.3")

TASK = "images/tasks.py, export_zip_task()"
VIEW = "images/results.py, progress_of()"

BY_POSITION = "The first argument of update_state() is task_id. Give the others by name: state=…, meta=…."
WHY_IT_FAILED = {
    "unhashable type": BY_POSITION,
    "serializ": "What update_state() gets as meta is sent as JSON: numbers, strings, lists, dictionaries of them.",
    "update_state": "update_state() is a method of the task: self, in a task with bind=True.",
}


def status(client, task_id):
    """What the page gets that follows the task."""
    try:
        return client.get(reverse("images:batch_status", args=[task_id])).json()
    except Exception as error:
        complain(
            "the page asks how far the task is, and gets an error page.",
            "A task's info is whatever the result backend has: a dictionary for PROGRESS, for a task that failed it "
            "is an exception.",
            exception=f"{type(error).__name__}: {error}",
            state=AsyncResult(str(task_id)).state,
            file=VIEW,
        )


@pytest.fixture
def entries(told, worker, resized_photos):
    """What the result backend was told while three photos were exported."""
    from images.tasks import export_zip_task

    ids = [photo.pk for photo in resized_photos(*[photos.jpeg(80, 60)] * 3)]
    task_id = str(uuid.uuid4())
    entries = told(lambda **options: export_zip_task.apply_async((ids,), **options), task_id)
    return entries, task_id


def test_says_how_far(app, worker, entries, delivered):
    """While photos are exported, the result backend hears how many are done."""
    entries, task_id = entries
    reported = [entry["result"] for entry in entries if entry["status"] == "PROGRESS"]
    facts = {"found": ", ".join(entry["status"] for entry in entries) or "no state at all", "file": TASK}
    expected = "STARTED, PROGRESS, PROGRESS, PROGRESS, PROGRESS, SUCCESS"
    last = entries[-1] if entries else {"status": "PENDING"}
    said = str(last.get("result")) + str(last.get("traceback"))
    why = next((why for part, why in WHY_IT_FAILED.items() if part in said), "")
    expect(
        last["status"] != "FAILURE",
        "the task failed.",
        why,
        exception="{exc_type}: {exc_message}".format(**last["result"]) if last["status"] == "FAILURE" else "",
        raised_at=worker.raised_at(task_id) or "?",
        **facts,
    )
    wrong_id = app.backend.get_key_for_task("PROGRESS")
    if not reported and delivered.redis.delete(wrong_id):
        complain(
            "the state was told for a task whose id is PROGRESS.",
            BY_POSITION,
            **facts,
        )
    expect(
        reported,
        "three photos were exported, but the state never was PROGRESS.",
        "SUCCESS and FAILURE end a task for everybody who waits. A state of your own name says that it goes on."
        if last["status"] == "SUCCESS" and "url" not in (last["result"] or {})
        else "write_zip() calls report_progress(done) before each photo and once after the last. "
        "self.update_state() tells the result backend.",
        expected=expected,
        **facts,
    )
    found = "\n".join(map(json.dumps, reported))
    expect(
        all(isinstance(each, dict) and {"done", "total"} <= each.keys() for each in reported),
        "PROGRESS is told without done and total.",
        "The page reads these two names.",
        expected='{"done": 1, "total": 3}',
        found=found,
        file=TASK,
    )
    done, totals = [each["done"] for each in reported], {each["total"] for each in reported}
    expect(
        totals == {3} and done == sorted(done) and done[-1] == 3 and len(set(done)) > 2,
        "three photos were exported, but the numbers do not grow one by one up to three.",
        expected='"done": 0, 1, 2, 3 and always "total": 3',
        found=found,
        file=TASK,
    )


def test_page_gets_it(client, app, worker, busy, resized_photos):
    """The page that follows the task gets PROGRESS, with the numbers."""
    ids = [photo.pk for photo in resized_photos(*[photos.jpeg(80, 60)] * 2)]
    (task,) = busy(1, ids)
    until(lambda: task.state == "PROGRESS" and task.info.get("done") == 2, 5)
    state, info = task.state, task.info
    found = status(client, task.id)
    expect(
        state == "PROGRESS" and found["state"] == "PROGRESS" and found["progress"] == info,
        "a ZIP export is running, but its page does not learn how far it is.",
        "AsyncResult.info has what update_state() got as meta.",
        expected=json.dumps({"state": "PROGRESS", "progress": {"done": 2, "total": 2}}),
        found=json.dumps({"state": found["state"], "progress": found["progress"]}),
        in_the_result_backend=f"{state}, {info}",
        file=VIEW,
    )


def test_only_then(client, worker, entries, ended):
    """In every other state the page gets no numbers that are none."""
    from images.tasks import export_zip_task

    _, done = entries
    failed = export_zip_task.delay(["not a number"]).id
    until(lambda: ended(failed))
    for task_id, state in ((uuid.uuid4(), "PENDING"), (done, "SUCCESS"), (failed, "FAILURE")):
        found = status(client, task_id)
        progress = found["progress"]
        expect(
            found["state"] == state and (progress is None or {"done", "total"} <= set(progress)),
            f"a task in the state {state} has a progress without done and total.",
            "AsyncResult.info is the result of a task that is done, and the exception of one that failed. Only in "
            "the state PROGRESS it is what you told.",
            expected='"progress": null',
            found=json.dumps({"state": found["state"], "progress": progress}),
            file=VIEW,
        )

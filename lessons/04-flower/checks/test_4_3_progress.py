import uuid

import pytest
from celery.result import AsyncResult
from django.urls import reverse
from PIL import Image

from workshop.checkkit import as_json, complain, expect, photos, until
from workshop.checkkit.worker import run_task_here

pytestmark = pytest.mark.step("4.3")

TASK = "images/tasks.py, export_zip_task()"
VIEW = "images/results.py, progress_of()"

BY_POSITION = (
    "The first argument of update_state() is task_id. Pass the other arguments by name: state=…, meta=…."
)
WHY_IT_FAILED = {
    "unhashable type": BY_POSITION,
    "serializ": "meta is stored as JSON, so it can contain numbers, strings, lists, and dictionaries, but "
    "not photos.",
    "update_state": "update_state() is a method of the task. With bind=True, the argument self is the task.",
}


def status(client, task_id):
    """Return the response that the task's page gets."""
    try:
        return client.get(reverse("images:batch_status", args=[task_id])).json()
    except Exception as error:
        complain(
            "the page asked for the task's progress, but the view failed.",
            "info is your dictionary only in the PROGRESS state. After FAILURE, info is the exception.",
            exception=f"{type(error).__name__}: {error}",
            state=AsyncResult(str(task_id)).state,
            file=VIEW,
        )


@pytest.fixture
def entries(follow_states, worker, resized_photos):
    """The states stored while three photos were being exported. The fourth ID doesn't belong to any photo."""
    from images.tasks import export_zip_task

    ids = [photo.pk for photo in resized_photos(*[photos.jpeg(80, 60)] * 3)] + [0]
    task_id = str(uuid.uuid4())
    entries = follow_states(lambda **options: export_zip_task.apply_async((ids,), **options), task_id)
    return entries, task_id


def test_says_how_far(app, worker, entries, worker_queue):
    """While photos are being exported, the task reports how many are already in the ZIP file."""
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
    if not reported and worker_queue.redis.delete(wrong_id):
        complain(
            'the progress was stored for a task with the id "PROGRESS".',
            BY_POSITION,
            **facts,
        )
    expect(
        reported,
        "three photos were exported, but the state was never PROGRESS.",
        "SUCCESS means that the task has ended, but the task is still running. Use the custom state PROGRESS."
        if last["status"] == "SUCCESS" and "url" not in (last["result"] or {})
        else "write_zip() calls report_progress(done) before each photo and once after the last one. Call "
        'self.update_state(state="PROGRESS", …) in report_progress().',
        expected=expected,
        **facts,
    )
    found = "\n".join(map(as_json, reported))
    expect(
        all(isinstance(each, dict) and {"done", "total"} <= each.keys() for each in reported),
        "the dictionary for the PROGRESS state lacks done or total.",
        "The page reads the keys done and total.",
        expected='{"done": 1, "total": 3}',
        found=found,
        file=TASK,
    )
    done, totals = [each["done"] for each in reported], {each["total"] for each in reported}
    expect(
        totals == {3} and done == sorted(done) and done[-1] == 3 and len(set(done)) > 2,
        "three photos were exported, but the progress does not count from 0 to 3."
        if totals == {3}
        else "three photos were exported, but total is not 3.",
        "An id may belong to a deleted photo, so there can be more ids than photos. The variable total is "
        "the number of photos in the ZIP file."
        if totals == {4}
        else "",
        expected='"done" goes from 0 to 3, and "total" is always 3',
        found=found,
        file=TASK,
    )


def test_reports_while_it_works(app, resized_photos, monkeypatch):
    """The page can read the progress before the last photo is in the ZIP file."""
    from images.tasks import export_zip_task

    ids, task_id = [photo.pk for photo in resized_photos(*[photos.jpeg(80, 60)] * 3)], str(uuid.uuid4())
    save, seen = Image.Image.save, []

    def looks_first(*arguments, **options):
        result = AsyncResult(task_id)
        seen.append(f"{result.state} {as_json(result.info)}")
        return save(*arguments, **options)

    monkeypatch.setattr(Image.Image, "save", looks_first)
    run_task_here(app, export_zip_task, task_id, ids)
    expect(
        len(set(seen)) > 1,
        "three photos were exported, but the progress did not change until the last photo was in the ZIP file.",
        "Visitors need to see the progress while they wait. Call self.update_state() in report_progress(), which write_zip() "
        "calls before each photo.",
        found_before_each_photo="\n".join(seen),
        file=TASK,
    )


def test_page_gets_it(client, app, worker, slow_exports, resized_photos):
    """The task's page shows the PROGRESS state and how many photos are done."""
    ids = [photo.pk for photo in resized_photos(*[photos.jpeg(80, 60)] * 2)]
    (task,) = slow_exports(1, ids)
    until(lambda: task.state == "PROGRESS" and task.info.get("done") == 2)
    state, info = task.state, task.info
    found = status(client, task.id)
    expect(
        state == "PROGRESS" and found["state"] == "PROGRESS" and found["progress"] == info,
        "a ZIP export is running, but its page does not get the progress.",
        "AsyncResult.info is the dictionary that was passed to update_state() as meta.",
        expected=as_json({"state": "PROGRESS", "progress": {"done": 2, "total": 2}}),
        found=as_json({"state": found["state"], "progress": found["progress"]}),
        result_backend=f"{state}, {info}",
        file=VIEW,
    )


def test_only_then(app, client, worker, entries):
    """The page gets no progress for a task that is not in the PROGRESS state."""
    from images.tasks import export_zip_task

    _, done = entries
    failed = export_zip_task.delay(["not a number"]).id
    until(lambda: worker.outcome(failed))
    started, retried = str(uuid.uuid4()), str(uuid.uuid4())
    app.backend.store_result(started, {"pid": 1, "hostname": "celery@example"}, "STARTED")
    app.backend.store_result(retried, ConnectionError("The storage does not respond."), "RETRY")
    states = {
        uuid.uuid4(): "PENDING",
        started: "STARTED",
        retried: "RETRY",
        done: "SUCCESS",
        failed: "FAILURE",
    }
    for task_id, state in states.items():
        found = status(client, task_id)
        progress = found["progress"]
        expect(
            found["state"] == state and (progress is None or {"done", "total"} <= set(progress)),
            f"the page gets an invalid progress value for a task in the {state} state.",
            "AsyncResult.info is your dictionary only in the PROGRESS state. After STARTED, info is the worker's name and "
            "process id, after SUCCESS the task's result, and after RETRY and FAILURE the exception.",
            expected='"progress": null',
            found=as_json({"state": found["state"], "progress": progress}),
            file=VIEW,
        )

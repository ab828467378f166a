import pytest

from workshop.checkkit import expect, photos, until

pytestmark = pytest.mark.step("2.7")

FILE = "images/tasks.py, describe_album_task()"
LEAVES_THE_LOOP = (
    "Is the return inside the loop? Then the function ends after the first photo. Return after the loop."
)

ONCE_FOR_EACH = "Call describe_photo_task() once for each id, and pass the id to it."
NOT_A_LIST = "The task returns a generator or an iterator, not a list. For a list, write brackets: [… for image_id in image_ids]."
WHY = {
    "result.get()": "A task that waits for another task occupies a process that the other task may need, so Celery forbids "
    "waiting.",
    "AsyncResult is not JSON serializable": "delay() returns an AsyncResult, not a description. Call the task like a function "
    "to get a description.",
    "generator is not JSON serializable": NOT_A_LIST,
    "map is not JSON serializable": NOT_A_LIST,
    "expected a number": ONCE_FOR_EACH,
    "positional argument": ONCE_FOR_EACH,
}
"""Maps part of an exception's text to its cause."""


def test_album_does_not_wait(app, worker, photo):
    """All album tasks finish, even if there are more of them than worker processes."""
    from images.tasks import describe_album_task

    first, second, third = [photo(photos.jpeg(), f"{name}.jpg").pk for name in "abc"]
    ids = [second, first, third]  # neither sorted, nor in the order of a set
    processes = len(worker.children())
    tasks = [describe_album_task.delay(ids) for _ in range(2 * processes)]
    over = until(lambda: all(task.ready() for task in tasks), 12)
    expect(
        over,
        f"{len(tasks)} album tasks were sent to a worker with {processes} processes, but they did not finish.",
        "Each album task occupies a process while it waits for other tasks, but those tasks need a process too. "
        "The result is a deadlock.",
        states=", ".join(task.state for task in tasks),
        file=FILE,
    )
    error = next((task.result for task in tasks if task.failed()), None)
    said = f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"
    why = next((why for part, why in WHY.items() if part in said), "")
    expect(error is None, "the album task failed in the worker.", why, exception=said, file=FILE)
    found = tasks[0].result
    described = isinstance(found, list) and all(isinstance(each, dict) for each in found)
    if isinstance(found, dict):
        why = f"Only one description was returned. {LEAVES_THE_LOOP}"
    elif found is None:
        why = "A function without return returns None. After the loop, return the list."
    else:
        why = (
            "A task that you have just sent has no result yet. Call describe_photo_task() like a function, so that it "
            "runs in the same process and returns a description."
        )
    expect(
        described,
        "the album task does not return a list of descriptions.",
        why,
        found=repr(found),
        file=FILE,
    )
    names = [description.get("name") for description in found]
    wanted = ["b.jpg", "a.jpg", "c.jpg"]
    if sorted(names, key=str) == sorted(wanted):
        what = "the descriptions are in the wrong order."
        why = (
            "Return the descriptions in the order of image_ids. A database query, sorted() and set() don't keep the order of "
            "the ids."
        )
    else:
        what = f"the album has {len(wanted)} photos, but the task did not return one description for each."
        why = ONCE_FOR_EACH
        if names == wanted[:1]:
            why = LEAVES_THE_LOOP
        elif names == wanted[-1:]:
            why = "Is the list created inside the loop? Then each iteration starts with an empty list. Create it before the loop."
    expect(
        names == wanted,
        what,
        why,
        expected=", ".join(wanted),
        found=", ".join(map(str, names)) or "no description",
        file=FILE,
    )

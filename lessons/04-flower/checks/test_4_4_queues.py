import pytest

from workshop.checkkit import complain, expect, photos, procfile, until
from workshop.checkkit.celery_app import expect_known_settings
from workshop.checkkit.code_locations import raised_at

pytestmark = pytest.mark.step("4.4")

SETTINGS = "myproject/settings.py"
FLOOD = 8
"""The number of slow tasks to send, which is more than all workers can run at the same time."""


def shown(queue):
    lines = [f"{name}: {message}" for name, messages in queue.everything().items() for message in messages]
    return "\n".join(lines) or "no message"


@pytest.fixture
def expect_in(queue):
    """Sends a task and complains unless only the expected queue gets it."""

    def check(expected, name, send, why, file=SETTINGS):
        queue.purge()
        try:
            send()
        except Exception as error:
            # With CREATE_MISSING_QUEUES off, an unknown name is a KeyError for Celery.
            if isinstance(error, KeyError) or type(error).__name__ == "QueueNotFound":
                complain(
                    f"{name} was sent to a queue that does not exist.",
                    "CELERY_TASK_QUEUES lists all queues, and Celery rejects any other queue name.",
                    exception=f"{type(error).__name__}: {error}",
                    file=file,
                )
            if "unexpected keyword argument 'queue'" in str(error):
                complain(
                    f"{name} was not sent, because it has no argument named queue.",
                    "delay() passes all its arguments to the task. Only apply_async() accepts options such as queue: "
                    'apply_async((image_id,), queue="slow").',
                    exception=f"{type(error).__name__}: {error}",
                    raised_at=raised_at(error),
                    file=file,
                )
            raise
        found = [
            where
            for where, messages in queue.everything().items()
            for message in messages
            if message.task.endswith(name)
        ]
        facts = {"expected": f"{name} in the `{expected}` queue", "found": shown(queue), "file": file}
        expect(
            len(found) < 2,
            f"{name} was sent once, but two queues got the message.",
            "A queue gets all messages with its routing key. If a queue has no routing key, it uses the "
            "default queue's key, celery, and gets a copy of each message.",
            **facts,
        )
        expect(found == [expected], f"{name} is not in the `{expected}` queue.", why, **facts)

    return check


ROUTE = "A route needs the full task name (images.tasks.…), as shown in the messages. Celery ignores a route for an unknown task name."


def test_settings():
    """Celery recognizes the names of the settings."""
    expect_known_settings(
        "task_queue",
        "task_route",
        "celery_route",
        expected="CELERY_TASK_QUEUES and CELERY_TASK_ROUTES",
        file=SETTINGS,
    )


def test_slow_tasks(expect_in):
    """export_zip_task and resize_again_task go to the `slow` queue."""
    from images.tasks import export_zip_task, resize_again_task

    expect_in("slow", "export_zip_task", lambda: export_zip_task.delay([]), ROUTE)
    expect_in("slow", "resize_again_task", lambda: resize_again_task.delay(1), ROUTE)


def test_resize_of_an_old_photo(expect_in):
    """The resize that resize_again_task sends also goes to the `slow` queue."""
    from images.tasks import resize_again_task

    expect_in(
        "slow",
        "resize_image_task",
        lambda: resize_again_task(1),
        "resize_image_task has no route, because uploads must stay quick. To choose the queue for this "
        "message only, pass queue= to apply_async().",
        "images/tasks.py, resize_again_task()",
    )


def test_quick_tasks(expect_in):
    """The tasks for uploads and descriptions stay in the `celery` queue."""
    from images.tasks import describe_photo_task, resize_image_task

    why = "A visitor is waiting for this task, so it must not wait behind slow tasks. Don't add a route for this task."
    expect_in("celery", "resize_image_task", lambda: resize_image_task.delay(1), why)
    expect_in("celery", "describe_photo_task", lambda: describe_photo_task.delay(1), why)


def test_misspelt(queue):
    """Celery refuses to send a task to a queue that is not listed in CELERY_TASK_QUEUES."""
    from images.tasks import describe_photo_task

    try:
        describe_photo_task.apply_async((1,), queue="slwo")
    except Exception:
        return
    complain(
        'a task was sent to the misspelled queue "slwo" without an error.',
        "By default, Celery creates a queue for any name, but no worker consumes that queue. Keep "
        "CELERY_TASK_CREATE_MISSING_QUEUES = False so that Celery rejects unknown names.",
        found=shown(queue),
        file=SETTINGS,
    )


def why_not_alone(service):
    """Return the reason why one worker is not enough."""
    words = service.words
    queues = next(
        (after for word, after in zip(words, words[1:], strict=False) if word in ("-Q", "--queues")), None
    )
    if queues and "slow" not in queues.split(","):
        return (
            "Your only worker does not consume the `slow` queue, so slow tasks would wait forever. Add a "
            "worker for the `slow` queue."
        )
    return (
        "Your only worker consumes both queues, so all its processes may be busy with slow tasks. Quick "
        "tasks need a worker that consumes only the `celery` queue, and slow tasks need a second worker."
    )


@pytest.fixture
def started_workers(procfile_workers, lines):
    """The Procfile's workers and their separate broker database."""
    services = procfile.workers(lines)
    expect(services, "the Procfile does not start any workers.", file="Procfile")
    expect(
        len(services) > 1,
        "the Procfile starts only one worker.",
        why_not_alone(services[0]),
        worker="\n".join(map(procfile.shown, services)),
        file="Procfile",
    )
    with procfile_workers() as (workers, queue):
        yield workers, queue


def ask(app, started_workers, question):
    """Return a dictionary that maps each worker's name to its answer."""
    workers, _ = started_workers
    replies = app.control.broadcast(question, reply=True, limit=len(workers.names()), timeout=5) or []
    return {name: answer for reply in replies for name, answer in sorted(reply.items())}


def active(app, started_workers):
    """Return the number of slow tasks that are running."""
    tasks = [task for found in ask(app, started_workers, "active").values() for task in found]
    return sum(task["name"].endswith("export_zip_task") for task in tasks)


def test_two_names(app, started_workers):
    """Each worker has a different name."""
    workers, _ = started_workers
    names = workers.names()
    expect(
        len(set(names.values())) == len(names),
        "two workers have the same name.",
        "Flower shows the two workers as one, and their answers to remote control commands overwrite each "
        "other. Give each worker a different name with --hostname, such as slow@%h.",
        found=", ".join(f"{line} is {name}" for line, name in names.items()),
        file="Procfile",
    )


def test_quick_ones_are_not_held_up(app, started_workers, photo, storage):
    """While many slow tasks are waiting, a quick task starts immediately, and the waiting tasks stay in the queue."""
    from images.tasks import describe_photo_task, export_zip_task

    _, queue = started_workers
    storage("slow 20")
    for _ in range(FLOOD):
        export_zip_task.delay([])
    until(lambda: active(app, started_workers), 10)
    quick = describe_photo_task.delay(photo(photos.jpeg(80, 60)).pk)
    done = until(lambda: queue.state(quick.id) == "SUCCESS", 10)
    answers = ask(app, started_workers, "active_queues").items()
    queues = {name: [queue["name"] for queue in found] for name, found in answers}
    facts = {
        "workers": "\n".join(f"{name} consumes {', '.join(found)}" for name, found in queues.items()),
        "file": "Procfile",
    }
    unused = {"celery", "slow"} - {queue for found in queues.values() for queue in found}
    names = " or ".join(f"the `{each}` queue" for each in sorted(unused))
    expect(not unused, f"no worker consumes {names}.", **facts)
    expect(
        done,
        f"a quick task was sent after {FLOOD} ZIP exports but did not finish within ten seconds.",
        "If your machine is very busy, run the check again."
        if ["celery"] in queues.values()
        else "No worker consumes only the `celery` queue, so all processes may be busy with slow tasks. A "
        "worker without --queues consumes all queues.",
        **facts,
    )
    if not queue.supports_disable_prefetch:
        pytest.skip("--disable-prefetch and reserved tasks are checked only with Redis.")
    until(lambda: active(app, started_workers) + len(queue.messages("slow")) == FLOOD, 2)
    working = active(app, started_workers)
    expect(working, f"{FLOOD} ZIP exports were sent, but no worker started any of them.", **facts)
    waiting = len(queue.messages("slow"))
    expect(
        waiting == FLOOD - working,
        "a worker has taken more slow tasks than it can run.",
        "By default, a worker reserves four tasks for each process, and no other worker can get these "
        "tasks. With --prefetch-multiplier 1, a worker still reserves one task, because acknowledged "
        "messages do not count. Use --disable-prefetch, which leaves the messages in the queue.",
        expected=f"{working} running, {FLOOD - working} in the `slow` queue",
        found=f"{working} running, {FLOOD - working - waiting} reserved, {waiting} in the `slow` queue",
        **facts,
    )

import pytest

from workshop.checkkit import complain, expect, photos, procfile, until

pytestmark = pytest.mark.step("4.4")

SETTINGS = "myproject/settings.py"
FLOOD = 8
"""More slow tasks than all workers together have processes."""


def shown(queue):
    lines = [f"{name}: {message}" for name, messages in queue.everything().items() for message in messages]
    return "\n".join(lines) or "no message"


@pytest.fixture
def lies(queue):
    """lies(send, task, "slow", …) sends, and complains unless one message for the task lies there and nowhere else."""

    def check(send, name, expected, why, file=SETTINGS):
        queue.purge()
        try:
            send()
        except Exception as error:
            # With CREATE_MISSING_QUEUES off, a name that is not listed is a KeyError in Celery's words.
            if isinstance(error, KeyError) or type(error).__name__ == "QueueNotFound":
                complain(
                    "a task is to go to a queue that there is not.",
                    "CELERY_TASK_QUEUES lists the queues. A name that is not there is refused.",
                    exception=f"{type(error).__name__}: {error}",
                    file=file,
                )
            raise
        found = [
            where
            for where, messages in queue.everything().items()
            for message in messages
            if message.task.endswith(name)
        ]
        facts = {"expected": f"{name} in the queue {expected}", "found": shown(queue), "file": file}
        expect(
            len(found) < 2,
            f"{name} was sent once, and lies in two queues.",
            "A queue gets all messages with its routing key. One that names none has the key of the default queue, "
            "celery, and so gets a copy of everything.",
            **facts,
        )
        expect(found == [expected], f"{name} is not in the queue {expected}.", why, **facts)

    return check


ROUTE = "A route has the task's whole name, images.tasks.…, as the messages show it. One for another name is passed over."


def test_slow_tasks(lies):
    """The ZIP export and resizing again go to the queue slow."""
    from images.tasks import export_zip_task, resize_again_task

    lies(lambda: export_zip_task.delay([]), "export_zip_task", "slow", ROUTE)
    lies(lambda: resize_again_task.delay(1), "resize_again_task", "slow", ROUTE)


def test_resize_of_an_old_photo(lies):
    """What resize_again_task sends for an old photo goes to the queue slow, too."""
    from images.tasks import resize_again_task

    lies(
        lambda: resize_again_task(1),
        "resize_image_task",
        "slow",
        "Its route is for uploads, which are in a hurry. Whoever sends may name another queue: apply_async takes it.",
        "images/tasks.py, resize_again_task()",
    )


def test_quick_tasks(lies):
    """Uploads and descriptions stay in the queue celery."""
    from images.tasks import describe_photo_task, resize_image_task

    why = "A visitor waits for these. They must not stand behind a thousand others."
    lies(lambda: resize_image_task.delay(1), "resize_image_task", "celery", why)
    lies(lambda: describe_photo_task.delay(1), "describe_photo_task", "celery", why)


def test_misspelt(queue):
    """A queue that nobody listed is refused when sending."""
    from images.tasks import describe_photo_task

    try:
        describe_photo_task.apply_async((1,), queue="slwo")
    except Exception:
        return
    complain(
        'a task was sent to the queue "slwo", and nobody noticed the slip.',
        "Celery makes a queue for every name that it meets, and no worker takes from that one. "
        "CELERY_TASK_CREATE_MISSING_QUEUES = False refuses it.",
        found=shown(queue),
        file=SETTINGS,
    )


@pytest.fixture
def team(crew, lines):
    """The workers of the Procfile: (crew, queue) of their broker's database, and {node name: its queues}."""
    services = procfile.workers(lines)
    expect(
        len(services) > 1,
        f"the Procfile starts {len(services)} worker{'' if len(services) == 1 else 's'}.",
        "Whoever takes from both queues may have all its processes at slow tasks. The quick ones need a worker "
        "that takes from no other queue.",
        found="\n".join(map(procfile.shown, services)) or "none",
        file="Procfile",
    )
    with crew() as (workers, queue):
        yield workers, queue


def ask(app, team, question):
    """What each worker answers, by its name."""
    crew, _ = team
    replies = app.control.broadcast(question, reply=True, limit=len(crew.names()), timeout=5) or []
    return {name: answer for reply in replies for name, answer in sorted(reply.items())}


def active(app, team):
    """How many slow tasks are being done."""
    tasks = [task for found in ask(app, team, "active").values() for task in found]
    return sum(task["name"].endswith("export_zip_task") for task in tasks)


def test_two_names(app, team):
    """Each worker has a name of its own."""
    workers, _ = team
    names = workers.names()
    expect(
        len(set(names.values())) == len(names),
        "two workers have the same name.",
        "A question to one of them is answered by both, and Flower shows them as one. --hostname names a worker; "
        "%h in it stands for the machine.",
        found=", ".join(f"{line} is {name}" for line, name in names.items()),
        file="Procfile",
    )


def test_quick_ones_are_not_held_up(app, team, photo, storage):
    """While slow tasks wait in a row, a quick one is done at once, and those that wait stay in their queue."""
    from images.tasks import describe_photo_task, export_zip_task

    _, queue = team
    storage("slow 20")
    for _ in range(FLOOD):
        export_zip_task.delay([])
    until(lambda: active(app, team), 10)
    quick = describe_photo_task.delay(photo(photos.jpeg(80, 60)).pk)
    done = until(lambda: queue.state(quick.id) == "SUCCESS", 10)
    answers = ask(app, team, "active_queues").items()
    queues = {name: [queue["name"] for queue in found] for name, found in answers}
    facts = {
        "workers": "\n".join(f"{name} takes from {', '.join(found)}" for name, found in queues.items()),
        "file": "Procfile",
    }
    nobody = {"celery", "slow"} - {queue for found in queues.values() for queue in found}
    expect(not nobody, f"no worker takes from the queue {', '.join(nobody)}.", **facts)
    expect(
        done,
        f"{FLOOD} ZIP exports wait, and a task that takes a moment is not done after ten seconds.",
        "A worker that is not told which queues to take from takes from all that are listed. So its processes may "
        "all be at slow tasks: --queues celery keeps one worker for the quick ones.",
        **facts,
    )
    if not queue.knows_disable_prefetch:
        pytest.skip("--disable-prefetch, and what a worker reserves, is looked at with Redis alone.")
    until(lambda: active(app, team) + len(queue.messages("slow")) == FLOOD, 2)
    working = active(app, team)
    expect(working, f"{FLOOD} ZIP exports were sent, and no worker began with one.", **facts)
    waiting = len(queue.messages("slow"))
    expect(
        waiting == FLOOD - working,
        "a worker has taken more slow tasks than it is at.",
        "It reserves four for each process by default, and one even with --prefetch-multiplier 1, because it "
        "acknowledges a message when it begins. What it holds no other worker can have, however idle. "
        "--disable-prefetch leaves it in the queue.",
        expected=f"{working} at work, {FLOOD - working} in the queue slow",
        found=f"{working} at work, {waiting} in the queue slow",
        **facts,
    )

from celery import current_app
from django.core.management.base import BaseCommand, CommandError

control = current_app.control
PATIENCE = 1  # seconds that a worker may take to answer


class Command(BaseCommand):
    help = "Show the workers and their queues; call a task off, limit its rate, or change a worker's pool."

    def add_arguments(self, parser):
        actions = parser.add_subparsers(dest="action", metavar="show|revoke|rate|grow")
        actions.add_parser("show", help="all workers and queues; this is the default")
        revoke = actions.add_parser("revoke", help="call a task off before it begins")
        revoke.add_argument("task_id")
        revoke.add_argument("--terminate", action="store_true", help="end it as well when it has begun")
        rate = actions.add_parser("rate", help="let each worker start so many of a task")
        rate.add_argument("task", help="its whole name: images.tasks.resize_again_task")
        rate.add_argument("limit", help="such as 2/s, 10/m or 100/h; 0 for as many as there are")
        grow = actions.add_parser("grow", help="give a worker more processes, or fewer")
        grow.add_argument("worker", help="its name: slow@…")
        grow.add_argument("count", type=int, help="how many more; -1 for one less")

    def handle(self, action, **options):
        names = workers_that_answer()
        if not names:
            raise CommandError("No worker answers. Is one running, and does it use this broker?")
        {"revoke": self.revoke, "rate": self.rate, "grow": self.grow}.get(action, self.show)(names, **options)

    def show(self, names, **options):
        workers = look_into(names)
        self.row("worker", "processes", "active", "reserved", "begun", "tasks", "queues")
        for name, worker in workers.items():
            counts = [worker[each] for each in ("processes", "active", "reserved", "begun", "registered")]
            self.row(name, *counts, ", ".join(worker["queues"]))
        self.stdout.write("")
        for queue, waiting in queue_lengths().items():
            taken = any(queue in worker["queues"] for worker in workers.values())
            self.stdout.write(
                f"queue {queue}: {waiting} waiting{'' if taken else ', and no worker takes from it'}"
            )

    def row(self, name, *cells):
        self.stdout.write(f"{name:<22}" + "".join(f"{cell:<10}" for cell in cells).rstrip())

    def revoke(self, names, task_id, terminate, **options):
        self.report(call_off(names, task_id, terminate))

    def rate(self, names, task, limit, **options):
        self.report(limit_rate(names, task, limit))

    def grow(self, names, worker, count, **options):
        if worker not in names:
            raise CommandError(f"There is no worker {worker}. There are: {', '.join(names)}")
        found = look_into([worker])
        if worker not in found:
            raise CommandError(f"{worker} does not answer any more.")
        processes = found[worker]["processes"]
        if processes + count < 1:
            raise CommandError(f"{worker} would have no process left, and take no task any more.")
        self.report(change_pool(worker, count))

    def report(self, replies):
        """Print what each worker answered; fail when one of them refused."""
        answers = {name: answer for reply in replies for name, answer in reply.items()}
        for name, answer in answers.items():
            self.stdout.write(f"{name}: {answer.get('ok') or answer.get('error')}")
        if any("error" in answer for answer in answers.values()):
            raise CommandError("A worker refused.")


def workers_that_answer():
    """The names of the workers that answer within a second; [] when none does."""
    # TODO 4.7: control.ping() gives [{name: {"ok": "pong"}}, …].
    return []


def look_into(names):
    """What each of these workers is doing, by name: numbers, and the names of its queues."""
    # TODO 4.7: control.inspect() asks these workers; each question answers {name: …}, or None.
    stats, active, reserved = {}, {}, {}
    registered, queues = {}, {}
    return {
        name: {
            "processes": len(stats[name]["pool"]["processes"]),
            "begun": sum(stats[name]["total"].values()),
            "active": len(active.get(name, [])),
            "reserved": len(reserved.get(name, [])),
            "registered": len(registered.get(name, [])),
            "queues": [queue["name"] for queue in queues.get(name, [])],
        }
        for name in names
        if name in stats
    }


def queue_lengths():
    """How many messages wait in each listed queue. What a worker has taken is not among them."""
    with current_app.connection_for_read() as connection:
        channel = connection.default_channel
        queues = current_app.amqp.queues.values()
        return {queue.name: queue.bind(channel).queue_declare().message_count for queue in queues}


def call_off(names, task_id, terminate):
    """Let no worker begin with the task; with `terminate`, end the process that has begun. Their answers."""
    return []  # TODO 4.7: control.revoke()


def limit_rate(names, task, limit):
    """Let each worker start so many of the task: "2/s", "10/m", "100/h". Their answers."""
    return []  # TODO 4.7: control.rate_limit()


def change_pool(name, count):
    """Give the worker so many processes more, or with a negative count fewer. Its answer."""
    return []  # TODO 4.7: control.pool_grow() or control.pool_shrink(), which take a number above 0

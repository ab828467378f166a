from celery import current_app
from django.core.management.base import BaseCommand, CommandError
from kombu.exceptions import OperationalError

control = current_app.control
PATIENCE = 1  # seconds that a worker may take to answer


class Command(BaseCommand):
    help = "Show the workers and their queues, revoke a task, limit its rate, or resize a worker's pool."

    def add_arguments(self, parser):
        actions = parser.add_subparsers(dest="action", metavar="show|revoke|rate|grow")
        actions.add_parser("show", help="show all workers and queues (default)")
        revoke = actions.add_parser("revoke", help="revoke a task, so that no worker starts it")
        revoke.add_argument("task_id")
        revoke.add_argument("--terminate", action="store_true", help="also kill its process if it is running")
        rate = actions.add_parser("rate", help="limit how often each worker starts a task")
        rate.add_argument("task", help="the task's full name, such as images.tasks.resize_again_task")
        rate.add_argument("limit", help="such as 2/s, 10/m or 100/h; 0 for no limit")
        grow = actions.add_parser("grow", help="give a worker more or fewer processes")
        grow.add_argument("worker", help="the worker's name, such as slow@…")
        grow.add_argument("count", type=int, help="how many processes to add; -1 removes one")

    def handle(self, action, **options):
        try:
            names = responding_workers()
            if not names:
                raise CommandError("No worker answers. Is one running, and does it use this broker?")
            {"revoke": self.revoke, "rate": self.rate, "grow": self.grow}.get(action, self.show)(
                names, **options
            )
        except OperationalError as error:
            raise CommandError(
                f"The broker doesn't respond. Start it, or correct REDIS_URL. ({error})"
            ) from None

    def show(self, names, **options):
        workers = inspect_workers(names)
        self.row("worker", "processes", "active", "reserved", "started", "tasks", "queues")
        for name, worker in workers.items():
            counts = [worker[each] for each in ("processes", "active", "reserved", "started", "registered")]
            self.row(name, *counts, ", ".join(worker["queues"]))
        self.stdout.write("")
        for queue, waiting in queue_lengths().items():
            taken = any(queue in worker["queues"] for worker in workers.values())
            self.stdout.write(
                f"queue {queue}: {waiting} waiting{'' if taken else ', but no worker consumes it'}"
            )

    def row(self, name, *cells):
        self.stdout.write(f"{name:<22}" + "".join(f"{cell:<10}" for cell in cells).rstrip())

    def revoke(self, names, task_id, terminate, **options):
        self.report(revoke_task(names, task_id, terminate))

    def rate(self, names, task, limit, **options):
        self.report(limit_rate(names, task, limit))

    def grow(self, names, worker, count, **options):
        if worker not in names:
            raise CommandError(f"There is no worker {worker}. Use one of these: {', '.join(names)}")
        found = inspect_workers([worker])
        if worker not in found:
            raise CommandError(f"{worker} no longer answers.")
        processes = found[worker]["processes"]
        if not count:
            raise CommandError("0 changes nothing. Use a number such as 1 or -1.")
        if processes + count < 1:
            raise CommandError(f"{worker} would have no process left and could not run any task.")
        self.report(change_pool(worker, count))

    def report(self, replies):
        """Print each worker's answer. Raises CommandError if a worker rejected the command."""
        answers = {name: answer for reply in replies for name, answer in reply.items()}
        for name, answer in answers.items():
            self.stdout.write(f"{name}: {answer.get('ok') or answer.get('error')}")
        if any("error" in answer for answer in answers.values()):
            raise CommandError("A worker rejected the command.")


def responding_workers():
    """The names of the workers that answer within PATIENCE seconds."""
    return sorted(name for reply in control.ping(timeout=PATIENCE) for name in reply)


def inspect_workers(names):
    """What each of these workers is doing, by its name: numbers of tasks, and the names of its queues."""
    # With `destination`, Celery waits only until all of these workers have answered.
    inspect = control.inspect(destination=names, timeout=PATIENCE)
    stats, active, reserved = inspect.stats() or {}, inspect.active() or {}, inspect.reserved() or {}
    registered, queues = inspect.registered() or {}, inspect.active_queues() or {}
    return {
        name: {
            "processes": len(stats[name]["pool"]["processes"]),
            "started": sum(stats[name]["total"].values()),
            "active": len(active.get(name, [])),
            "reserved": len(reserved.get(name, [])),
            "registered": len(registered.get(name, [])),
            "queues": [queue["name"] for queue in queues.get(name, [])],
        }
        for name in names
        if name in stats
    }


def queue_lengths():
    """How many messages each listed queue holds. Messages that a worker has reserved do not count."""
    with current_app.connection_for_read() as connection:
        channel = connection.default_channel
        queues = current_app.amqp.queues.values()
        return {queue.name: queue.bind(channel).queue_declare().message_count for queue in queues}


def revoke_task(names, task_id, terminate):
    """Revoke the task; with `terminate`, also stop it if it is running. Returns the workers' answers."""
    return control.revoke(task_id, terminate=terminate, destination=names, reply=True, timeout=PATIENCE)


def limit_rate(names, task, limit):
    """Limit how often each worker starts the task, such as "2/s" or "10/m". Returns their answers."""
    return control.rate_limit(task, limit, destination=names, reply=True, timeout=PATIENCE)


def change_pool(name, count):
    """Add `count` processes to the worker's pool, or remove them if it is negative. Returns its answer."""
    change = control.pool_grow if count > 0 else control.pool_shrink
    return change(abs(count), destination=[name], reply=True, timeout=PATIENCE)

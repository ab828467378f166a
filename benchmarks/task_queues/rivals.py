"""The task queues to compare, each started as its own documentation describes.

apps/ contains one file for each app with its settings, and links to the documentation.
"""

from dataclasses import dataclass, field
from pathlib import Path

APPS = Path(__file__).with_name("apps")


@dataclass(frozen=True)
class Rival:
    """A task queue to compare.

    name: the name on the page. module: the module in apps/ with the tasks. commands: the commands that
    start the worker, one process each; together they run two tasks at a time. safe: a description of the
    documented settings that protect against a killed worker, or empty if there are none. left: for each
    state, the Redis command and key that count the tasks in this state.
    """

    name: str
    module: str
    commands: tuple[str, ...]
    package: str
    safe: str = ""
    left: dict[str, tuple[str, str]] = field(default_factory=dict)
    database: bool = False
    """Whether tasks are stored in a database instead of the broker."""

    @property
    def folder(self) -> Path:
        return APPS / "django_tasks_app" if self.database else APPS

    @property
    def modes(self) -> tuple[bool, ...]:
        """The settings to test with a killed worker: default (False), reliable (True)."""
        return (False, True) if self.safe else (False,)


UNACKNOWLEDGED = {"unacknowledged": ("hlen", "unacked")}
LATE = "acks_late and a visibility timeout of 5 s, checked every second"
RIVALS = (
    Rival(
        "Celery (prefork)",
        "celery_app",
        ("celery -A celery_app worker --pool prefork --concurrency 2",),
        "celery",
        LATE,
        UNACKNOWLEDGED,
    ),
    Rival(
        "Celery (threads)",
        "celery_app",
        ("celery -A celery_app worker --pool threads --concurrency 2",),
        "celery",
        LATE,
        UNACKNOWLEDGED,
    ),
    Rival(
        "RQ",
        "rq_app",
        ("python rq_app.py", "python rq_app.py"),
        "rq",
        "Retry(max=3), monitoring every second and maintenance about every 5 s",
        {
            "taken": ("llen", "rq:queue:default:intermediate"),
            "started": ("zcard", "rq:wip:default"),
            "failed": ("zcard", "rq:failed:default"),
        },
    ),
    Rival(
        "Dramatiq",
        "dramatiq_app",
        ("dramatiq dramatiq_app --processes 2 --threads 1",),
        "dramatiq",
        "a heartbeat timeout of 5 s, checked with every second command",
        {"unacknowledged": ("hlen", "dramatiq:default.msgs")},
    ),
    Rival(
        "Huey",
        "huey_app",
        ("huey_consumer huey_app.huey --worker-type process --workers 2",),
        "huey",
        left={"queued": ("llen", "huey.redis.field")},
    ),
    Rival(
        "django-tasks (SQLite)",
        "tasks",
        ("python manage.py db_worker", "python manage.py db_worker"),
        "django-tasks-db",
        database=True,
    ),
)

"""The libraries to compare. Each library is started as its own documentation describes.

apps/ contains the app of each library, with its settings and links to the documentation.
"""

from dataclasses import dataclass, field
from pathlib import Path

APPS = Path(__file__).with_name("apps")


@dataclass(frozen=True)
class Library:
    """A library with one configuration of its worker.

    Attributes:
        name: The name of the library on the page.
        module: The module in apps/ that sends the tasks.
        commands: The commands that start the worker. Together, they run two tasks at a time.
        package: The name of the library's package.
        reliable_settings: A description of the documented settings that protect against the loss of tasks
            when a worker is killed. Empty if the library has no such settings.
        counters: For each task state, the Redis command and the key that count the tasks in that state.
        uses_database: Whether the tasks are stored in a database instead of the broker.
    """

    name: str
    module: str
    commands: tuple[str, ...]
    package: str
    reliable_settings: str = ""
    counters: dict[str, tuple[str, str]] = field(default_factory=dict)
    uses_database: bool = False

    @property
    def folder(self) -> Path:
        """The folder in which the commands run."""
        return APPS / "django_tasks_app" if self.uses_database else APPS

    @property
    def modes(self) -> tuple[bool, ...]:
        """The settings to test: False for the default settings and True for the reliable settings."""
        return (False, True) if self.reliable_settings else (False,)


def _celery(pool: str) -> Library:
    return Library(
        f"Celery ({pool})",
        "celery_app",
        (f"celery -A celery_app worker --pool {pool} --concurrency 2",),
        "celery",
        "acks_late and a visibility timeout of 5 s, checked every second",
        {"unacknowledged": ("hlen", "unacked")},
    )


LIBRARIES = (
    _celery("prefork"),
    _celery("threads"),
    Library(
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
    Library(
        "Dramatiq",
        "dramatiq_app",
        ("dramatiq dramatiq_app --processes 2 --threads 1",),
        "dramatiq",
        "a heartbeat timeout of 5 s, checked by half of its commands",
        {"unacknowledged": ("hlen", "dramatiq:default.msgs")},
    ),
    Library(
        "Huey",
        "huey_app",
        ("huey_consumer huey_app.huey --worker-type process --workers 2",),
        "huey",
        counters={"queued": ("llen", "huey.redis.field")},
    ),
    Library(
        "django-tasks (SQLite)",
        "tasks",
        ("python -m django db_worker", "python -m django db_worker"),
        "django-tasks-db",
        uses_database=True,
    ),
)

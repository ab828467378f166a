"""A schedule that doesn't depend on the time: an entry is due when the test says so."""

from datetime import UTC, datetime

from celery.schedules import BaseSchedule
from django.conf import settings


class Asked(BaseSchedule):
    """Due when the file `asked-NAME` in the data folder is newer than the last run."""

    def __init__(self, name):
        super().__init__()
        self.name = name

    def is_due(self, last_run_at):
        file = settings.DATA_DIR / f"asked-{self.name}"
        return file.exists() and last_run_at < datetime.fromtimestamp(file.stat().st_mtime, UTC), 0.2

    def __eq__(self, other):
        return self.name == other.name

    def __reduce__(self):
        return Asked, (self.name,)

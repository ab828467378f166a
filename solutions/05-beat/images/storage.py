"""A storage that can be made to fail, to practise on."""

import os
import time
from uuid import uuid4

from django.conf import settings
from django.core.files.storage import FileSystemStorage


def switch():
    """The file that holds the storage's mode: "down", "slow 20" (seconds). Without it all is well."""
    return settings.DATA_DIR / "storage-mode"


class Practice:
    """Makes a storage fail when it is told to: `manage.py storage down`, `slow` and `ok` switch it."""

    def _save(self, name, content):
        # The file is empty for a moment while somebody writes it.
        mode = (switch().read_text() if switch().exists() else "").split() or ["ok"]
        if mode[0] == "down":
            raise ConnectionError("The photo storage does not answer.")
        if mode[0] == "slow":
            time.sleep(float(mode[1]))
        return self.save_whole(name, content)


class PracticeStorage(Practice, FileSystemStorage):
    """A folder that behaves like a bucket far away."""

    def save_whole(self, name, content):
        """Write under another name first: nobody ever sees half a file, also when one is written over."""
        part = f"{name}.{uuid4().hex}.part"
        try:
            FileSystemStorage._save(self, part, content)
            os.replace(self.path(part), self.path(name))
        except OSError:
            self.delete(part)
            raise
        return name

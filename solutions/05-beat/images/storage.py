"""A storage in a folder that never shows half a file."""

import os
from uuid import uuid4

from django.core.files.storage import FileSystemStorage


class AtomicStorage(FileSystemStorage):
    """Writes a file under a temporary name and then renames it, so that no process reads half a file."""

    def _save(self, name, content):
        part = f"{name}.{uuid4().hex}.part"
        try:
            super()._save(part, content)
            os.replace(self.path(part), self.path(name))
        except BaseException:  # whatever interrupts the write, remove the half file
            self.delete(part)
            raise
        return name

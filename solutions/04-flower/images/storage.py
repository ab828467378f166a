"""A folder in which a file is whole or not there at all."""

import os
from uuid import uuid4

from django.core.files.storage import FileSystemStorage


class AtomicStorage(FileSystemStorage):
    """Writes a file under a temporary name and renames it, so nobody ever reads half a file."""

    def _save(self, name, content):
        part = f"{name}.{uuid4().hex}.part"
        try:
            super()._save(part, content)
            os.replace(self.path(part), self.path(name))
        except BaseException:  # a time limit, too, leaves no part of a file behind
            self.delete(part)
            raise
        return name

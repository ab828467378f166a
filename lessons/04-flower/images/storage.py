"""Storages for a local folder that never expose a half-written file."""

import os
from pathlib import PurePosixPath
from uuid import uuid4

from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage


class AtomicStorage(FileSystemStorage):
    """Writes a file under a temporary name and then renames it, so that no process reads half a file."""

    def _save(self, name, content):
        part = str(PurePosixPath(name).with_name(f"{uuid4().hex}.part"))
        try:
            super()._save(part, content)
            os.replace(self.path(part), self.path(name))
        except BaseException:  # whatever interrupts the write, remove the half file
            self.delete(part)
            raise
        return name


class UploadStorage(FileSystemStorage):
    """Gives each file a free name. Leaves nothing behind if a file cannot be written, as on a full disk."""

    def _save(self, name, upload):
        # An empty file reserves the name. FileSystemStorage finds another one if this one is taken.
        name = super()._save(name, ContentFile(b""))
        try:
            return AtomicStorage(location=self.location)._save(name, upload)
        except BaseException:
            self.delete(name)
            raise

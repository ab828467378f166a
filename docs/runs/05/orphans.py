"""Create orphaned files in three ways. Run: python manage.py shell -v 0 < orphans.py"""

import contextlib
import os
import signal
from datetime import timedelta
from unittest import mock

from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, storages
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone
from images.models import UploadedImage
from upkeep import tidying

# Remove the files of an earlier run.
MADE = ("uploads/rolled-back-", "uploads/deleted", "uploads/kept", "exports/0b7e")
UploadedImage.objects.filter(image__startswith="uploads/kept").delete()
for name in tidying.stored_files():
    if name.startswith(MADE):
        storages["resized" if name.startswith("exports/") else "default"].delete(name)
before = set(tidying.stored_files())


def upload(name):
    return UploadedImage.objects.create(image=ContentFile(b"a photo", name))


def die(*args):
    os.kill(os.getpid(), signal.SIGKILL)


# 1. The disk is full at the seventh photo of an upload, so all rows are rolled back.
with contextlib.suppress(OSError), transaction.atomic():
    for number in range(6):
        upload(f"rolled-back-{number}.jpg")
    raise OSError("No space left on device")

# 2. A process is killed after it has deleted a row and before it deletes the file.
photo = upload("deleted.jpg")
connection.close()
if (child := os.fork()) == 0:
    with mock.patch.object(FileSystemStorage, "delete", side_effect=die):
        Client(HTTP_HOST="localhost").post(f"/photos/{photo.pk}/delete/")
    os._exit(0)
os.waitpid(child, 0)

# 3. A ZIP export has no row, whether it was downloaded or not.
storages["resized"].save("exports/0b7e.zip", ContentFile(b"a file"))

kept = upload("kept.jpg")
for hours in (0, 25):
    found = [name for name in tidying.orphans(timezone.now() + timedelta(hours=hours)) if name not in before]
    print(f"after {hours} hours: {len(found)} orphaned files")
for name in sorted(found):
    print(f"  {name}")
kept.delete()

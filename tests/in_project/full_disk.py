"""Called by tests/test_full_disk.py inside a solution: an upload that does not fit on the disk."""

from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from files import largest_file
from images.models import UploadedImage

from workshop.checkkit.photos import jpeg

LIMIT = 1_000_000


def upload(**files):
    files = [SimpleUploadedFile(f"{name}.jpg", content) for name, content in files.items()]
    return Client().post("/upload/", {"images": files}, follow=True)


def uploads():
    """Upload a photo, then four of which one is too large, and the first one again."""
    small = jpeg(80, 60)
    large = small + bytes(2 * LIMIT)  # Django keeps an upload of up to 2.5 MB in memory
    before = upload(small=small)
    with largest_file(LIMIT):
        answer = upload(small=small, other=small, large=large, last=small)
        stored = sorted(file.name for file in (settings.MEDIA_ROOT / "uploads").iterdir())
        after = upload(small=small)
    return {
        "statuses": [before.status_code, answer.status_code, after.status_code],
        "page": answer.content.decode(),
        "stored": stored,
        "rows": UploadedImage.objects.count(),
    }

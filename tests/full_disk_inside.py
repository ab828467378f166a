"""What tests/test_full_disk.py runs inside a solution: an upload that the disk does not take."""

import json
import resource
import sys

LIMIT = 1_000_000
"""The largest file that this process may write, in bytes. What comes after them fails, as on a full disk."""


def main():
    from django.conf import settings
    from django.core.files.uploadedfile import SimpleUploadedFile
    from django.core.management import call_command
    from django.test import Client
    from images.models import UploadedImage

    from workshop.checkkit.photos import jpeg

    settings.ALLOWED_HOSTS = ["testserver"]
    call_command("migrate", verbosity=0)
    small = jpeg(80, 60)
    large = small + bytes(2 * LIMIT)  # Django keeps an upload of up to 2.5 MB in memory

    def upload(**files):
        files = [SimpleUploadedFile(f"{name}.jpg", content) for name, content in files.items()]
        return Client().post("/upload/", {"images": files}, follow=True)

    before = upload(small=small)
    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, LIMIT))
    answer = upload(small=small, other=small, large=large, last=small)
    stored = sorted(file.name for file in (settings.MEDIA_ROOT / "uploads").iterdir())
    after = upload(small=small)
    print(
        json.dumps(
            {
                "statuses": [before.status_code, answer.status_code, after.status_code],
                "page": answer.content.decode(),
                "stored": stored,
                "rows": UploadedImage.objects.count(),
            }
        )
    )


if __name__ == "__main__":
    sys.path[0] = "."  # the project's modules, not those of tests/
    import django

    django.setup()
    import myproject  # noqa: F401  the app that tasks are sent with

    main()

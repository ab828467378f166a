"""Called by tests/test_login.py inside the project: each function without arguments is one test."""

from django.conf import settings
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.files.uploadhandler import MemoryFileUploadHandler
from django.test import Client
from django.urls import get_resolver
from upkeep import disk

OPEN = {"/login/", "/signed-in/", "/health/", "/admin/login/"}


class Seen(MemoryFileUploadHandler):
    """Count the files that Django has started to read from requests."""

    files = 0

    def new_file(self, *args, **kwargs):
        Seen.files += 1
        super().new_file(*args, **kwargs)


settings.FILE_UPLOAD_HANDLERS = ["login.Seen"]


def addresses(resolver, before="/"):
    """Yield every path of the site, with a value for each parameter."""
    for name, found in resolver.reverse_dict.lists():
        if isinstance(name, str):
            for possibilities, *_ in found:
                for pattern, parameters in possibilities:
                    values = dict.fromkeys(parameters, 1) | (
                        {"task_id": ID} if "task_id" in parameters else {}
                    )
                    yield before + pattern % values
    for prefix, inner in resolver.namespace_dict.values():
        yield from addresses(inner, before + prefix)


ID = "6f1b1f1e-6a5c-4a53-8f0c-1c3ff2a1b4c5"


def photo():
    return SimpleUploadedFile("garden.jpg", b"x" * 1000, "image/jpeg")


def without_an_account():
    """Each path redirects a visitor without an account to a login page, and no upload is read."""
    found = {path for path in addresses(get_resolver()) if not path.startswith("/admin/r/")}
    assert len(found) > 20, found
    client = Client(headers={"x-forwarded-proto": "https"})
    for path in sorted(found - OPEN | {"/nowhere/"}):
        for answer in (client.get(path, secure=True), client.post(path, secure=True)):
            to_login = answer.status_code == 302 and "/login/?next=" in answer.headers["Location"]
            assert to_login or path in ("/nowhere/", "/logout/"), (path, answer.status_code)
    assert client.get("/signed-in/", secure=True).status_code == 401
    assert client.get("/health/", secure=True).status_code == 200
    strict = Client(enforce_csrf_checks=True)
    strict.get("/login/", secure=True)  # with a cookie, the check of the token reads the form
    answer = strict.post("/upload/", {"images": photo()}, secure=True)
    assert (answer.status_code, Seen.files) == (302, 0), (answer.status_code, Seen.files)


def on_a_full_disk():
    """Uploads and ZIP exports are refused with a page before they are read. Photos can still be deleted."""
    client = Client()
    client.force_login(User.objects.create_user("visitor"))
    assert client.post("/upload/", {"images": photo()}, secure=True).status_code == 200
    assert Seen.files == 1
    settings.MIN_FREE_BYTES = disk.shutil.disk_usage(settings.DATA_DIR).free + 10**12
    for path in ("/upload/", "/photos/export-zip/"):
        answer = client.post(path, {"images": photo()}, secure=True)
        assert answer.status_code == 507, (path, answer.status_code)
        assert b"There is no space for more photos right now" in answer.content
    assert Seen.files == 1
    assert client.post("/photos/1/delete/", secure=True).status_code == 404
    assert client.get("/upload/", secure=True).status_code == 200


def open_site():
    """Without a login, no page asks for an account."""
    client = Client()
    assert client.get("/", secure=True).status_code == 200
    assert client.get("/signed-in/", secure=True).status_code == 204

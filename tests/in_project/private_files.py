"""Called by tests/test_private_files.py inside a solution: upload files, and ask the site for them."""

import io
import json
from pathlib import Path

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from images.forms import UploadForm
from images.models import UploadedImage
from images.resizing import resize
from photos import client_of
from PIL import Image


def original(client, photo):
    return client.get(f"/admin/images/uploadedimage/{photo.pk}/original/")


def has_gps(content):
    with Image.open(io.BytesIO(content)) as picture:
        return bool(picture.getexif().get_ifd(0x8825))


def answers(folder, formats, names):
    """Return everything that the tests ask about.

    folder: where there is a picture of each format, and one with a GPS position. formats, names: JSON lists.
    """
    folder, formats, names = Path(folder), json.loads(formats), json.loads(names)
    visitor, found = Client(), {"stored": []}

    for format in formats:
        for name in names:
            file = SimpleUploadedFile(name, (folder / format).read_bytes(), "text/html")
            form = UploadForm(files={"images": [file]})
            assert form.is_valid(), form.errors
            (saved, _), *_ = form.cleaned_data["images"]
            (made,) = form.save()
            found["stored"].append([format, name, made.image.name, saved.content_type])

    without_form = [ContentFile(b"<html>", "page.html"), ContentFile(b"", "photo.JPG")]
    found["without_form"] = [UploadedImage.objects.create(image=file).image.name for file in without_form]

    served = found["served"] = {"uploads": []}
    for made in UploadedImage.objects.all():
        for path in (made.image.name, f"resized/../{made.image.name}", f"resized/%2e%2e/{made.image.name}"):
            served["uploads"].append(visitor.get(f"/media/{path}").status_code)

    (folder / "data/db.txt").write_text("secret")
    (settings.MEDIA_ROOT / "resized").mkdir(exist_ok=True)
    others = ("", "resized/../../db.txt", "resized/%2e%2e/%2e%2e/db.sqlite3", "resized/")
    served["elsewhere"] = [visitor.get(f"/media/{path}").status_code for path in others]

    form = UploadForm(files={"images": [SimpleUploadedFile("garden.jpg", (folder / "gps").read_bytes())]})
    assert form.is_valid()
    (made,) = form.save()
    made.attach_resized(resize(made.image.open()), 0.1)
    answer = visitor.get(made.resized_image.url)
    served["resized"] = [answer.status_code, answer["Content-Type"], answer["X-Content-Type-Options"]]
    pages = [visitor.get(path).content.decode() for path in ("/", f"/photos/{made.pk}/", "/?page=2")]
    pages += [visitor.get(f"/photos/{each.pk}/").content.decode() for each in UploadedImage.objects.all()]
    found["pages_name_an_original"] = any("/uploads/" in page for page in pages)
    (settings.MEDIA_ROOT / "exports").mkdir()
    (settings.MEDIA_ROOT / "exports/a.zip").write_bytes(b"PK")
    found["exports"] = visitor.get("/media/exports/a.zip").status_code
    found["has_exports"] = Path("images/zip_export.py").exists()

    found["visitor"] = original(visitor, made).status_code
    found["login"] = original(client_of("carl"), made).status_code
    found["staff_without_permission"] = original(client_of("dora", is_staff=True), made).status_code
    staff = client_of("ana", "view_uploadedimage", is_staff=True)

    found["staff"] = []
    for format in formats:
        # A row from before names were corrected.
        content, storage = (folder / format).read_bytes(), made.image.storage
        name = storage.save("uploads/old.html", ContentFile(content))
        old = UploadedImage.objects.create(image=name)
        answer = original(staff, old)
        same = b"".join(answer.streaming_content) == content
        headers = [answer[each] for each in ("Content-Type", "Content-Disposition", "X-Content-Type-Options")]
        found["staff"].append([format, answer.status_code, *headers, same])
        old.delete()
    name = storage.save("uploads/old.html", ContentFile(b"<script>"))
    damaged = UploadedImage.objects.create(image=name)
    answer = original(staff, damaged)
    answer.close()
    found["damaged"] = [answer.status_code, answer["Content-Type"], answer["Content-Disposition"]]
    storage.delete(name)
    found["gone"] = original(staff, damaged).status_code
    page = staff.get(f"/admin/images/uploadedimage/{made.pk}/change/").content.decode()
    found["admin_links"] = [f"/{made.pk}/original/" in page, "/uploads/" in page]

    public = b"".join(visitor.get(made.resized_image.url).streaming_content)
    found["gps"] = [has_gps(b"".join(original(staff, made).streaming_content)), has_gps(public)]
    return found

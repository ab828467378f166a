"""What tests/test_private_files.py runs inside a solution: upload files, ask for them, print the answers."""

import io
import json
import sys
from pathlib import Path


def main(folder, formats, names):
    from django.conf import settings
    from django.contrib.auth.models import Permission, User
    from django.core.files.base import ContentFile
    from django.core.files.uploadedfile import SimpleUploadedFile
    from django.core.management import call_command
    from django.test import Client
    from images.forms import UploadForm
    from images.models import UploadedImage
    from images.resizing import resize
    from PIL import Image

    settings.ALLOWED_HOSTS = ["testserver"]
    call_command("migrate", verbosity=0)
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

    def original(client, photo):
        return client.get(f"/admin/images/uploadedimage/{photo.pk}/original/")

    def signed_in(name, **columns):
        client = Client()
        client.force_login(User.objects.create_user(name, **columns))
        return client

    found["visitor"] = original(visitor, made).status_code
    found["login"] = original(signed_in("carl"), made).status_code
    found["staff_without_permission"] = original(signed_in("dora", is_staff=True), made).status_code
    staff = signed_in("ana", is_staff=True)
    User.objects.get(username="ana").user_permissions.add(
        Permission.objects.get(codename="view_uploadedimage")
    )

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

    def place(content):
        with Image.open(io.BytesIO(content)) as picture:
            return bool(picture.getexif().get_ifd(0x8825))

    public = b"".join(visitor.get(made.resized_image.url).streaming_content)
    found["gps"] = [place(b"".join(original(staff, made).streaming_content)), place(public)]
    print(json.dumps(found))


if __name__ == "__main__":
    sys.path[0] = "."  # the project's modules, not those of tests/
    import django

    django.setup()
    main(Path(sys.argv[1]), *json.loads(sys.argv[2]))

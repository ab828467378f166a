"""Visitors' files: the type that the site serves them with, and who can download an original."""

import io
import json
from pathlib import Path

import pytest
from PIL import Image
from projects import SOLUTIONS, Project

from workshop import paths
from workshop.photos.samples import photo

SCRIPT = b"<script>alert(1)</script>"

FORMATS = {
    "GIF": ("image/gif", ".gif"),
    "PNG": ("image/png", ".png"),
    "WEBP": ("image/webp", ".webp"),
    "JPEG": ("image/jpeg", ".jpg"),
    "MPO": ("image/jpeg", ".jpg"),
}
NAMES = (
    "holiday.html",
    "holiday.svg",
    "holiday.xhtml",
    "holiday.gif",
    "holiday.JPEG",
    "holiday",
    "a.html.php",
)


def encoded(format):
    """A picture of this format, followed by a script."""
    output, picture = io.BytesIO(), Image.linear_gradient("L").resize((40, 30)).convert("RGB")
    options = {"save_all": True, "append_images": [picture]} if format == "MPO" else {}
    picture.save(output, format, **options)
    return output.getvalue() + SCRIPT


@pytest.fixture(scope="module", params=SOLUTIONS)
def found(request, tmp_path_factory):
    """The findings of in_project/private_files.py in a solution."""
    folder = tmp_path_factory.mktemp(request.param)
    for format in FORMATS:
        (folder / format).write_bytes(encoded(format))
    (folder / "gps").write_bytes(photo(640, 480, gps=True))
    project = Project(paths.SOLUTIONS / request.param, folder / "data")
    project.manage("migrate", "-v0")
    return project.call("private_files.answers", str(folder), json.dumps(list(FORMATS)), json.dumps(NAMES))


def test_the_checked_format_decides_the_name_and_the_type(found):
    assert len(found["stored"]) == len(FORMATS) * len(NAMES)
    for format, name, stored, content_type in found["stored"]:
        media_type, ending = FORMATS[format]
        assert (Path(stored).suffix, content_type) == (ending, media_type), (format, name, stored)
    plain = [
        stored for format, name, stored, _ in found["stored"] if (format, name) == ("GIF", "holiday.html")
    ]
    assert plain == ["uploads/holiday.gif"]


def test_a_row_that_the_form_did_not_make_has_no_foreign_ending(found):
    assert found["without_form"] == ["uploads/page", "uploads/photo.jpg"]


def test_originals_have_no_public_address(found):
    assert set(found["served"]["uploads"]) <= {400, 404}
    assert found["served"]["resized"] == [200, "image/jpeg", "nosniff"]
    assert set(found["served"]["elsewhere"]) <= {400, 404}
    assert not found["pages_name_an_original"]
    assert found["exports"] == (200 if found["has_exports"] else 404)


def test_staff_download_an_original_and_no_one_else(found):
    assert found["visitor"] == 302
    assert found["login"] == 302
    assert found["staff_without_permission"] == 403
    for format, status, media_type, disposition, sniff, same in found["staff"]:
        expected, ending = FORMATS[format]
        assert (status, media_type, sniff, same) == (200, expected, "nosniff", True)
        assert disposition == f'attachment; filename="old{ending}"'
    assert found["damaged"] == [200, "application/octet-stream", 'attachment; filename="old"']
    assert found["gone"] == 404
    assert found["admin_links"] == [True, False]


def test_nothing_public_says_where_a_photo_was_taken(found):
    assert found["gps"] == [True, False]

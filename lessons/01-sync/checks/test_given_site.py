import pytest
from django.urls import reverse

from workshop.checkkit import expect, photos

pytestmark = pytest.mark.step("given")


@pytest.mark.parametrize("name", ["images:list", "images:upload"])
def test_pages(client, name):
    """The site's pages respond without an error."""
    response = client.get(reverse(name))
    expect(response.status_code == 200, f"the page {reverse(name)} returns status {response.status_code}.")


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        (("notes.jpg", b"no picture at all"), "not a picture"),
        (("empty.jpg", b""), "empty"),
        (("scan.tiff", photos.tiff()), "not a picture that can be read. Use a JPEG"),
        (("bomb.png", photos.bomb()), "too many pixels"),
    ],
)
def test_refused_in_words(upload, file, reason):
    """A file that is not a photo or has too many pixels is rejected with a reason, and nothing is stored."""
    from images.models import UploadedImage

    page = upload(("good.jpg", photos.jpeg()), file).content.decode()
    expect(
        file[0] in page and reason in page,
        f"{file[0]} was uploaded, but the page doesn't contain {reason!r}.",
        file="images/forms.py",
    )
    expect(
        not UploadedImage.objects.exists(),
        f"{file[0]} was rejected, but another photo from the same upload was stored.",
        file="images/forms.py",
    )


def test_size_limit(upload, settings):
    """A file that exceeds the size limit is rejected."""
    settings.MAX_UPLOAD_BYTES = 1000
    page = upload(("garden.jpg", photos.jpeg())).content.decode()
    expect("too big" in page, "a file larger than MAX_UPLOAD_BYTES was accepted.", file="images/forms.py")


def test_upload_returns_to_the_list(upload):
    """After an upload, the list shows the new photos."""
    page = upload(("garden.jpg", photos.jpeg()), ("sea.png", photos.png())).content.decode()
    for name in ("garden.jpg", "sea.png"):
        expect(name in page, f"{name} was uploaded, but the list doesn't show it.", file="images/views.py")


def test_detail_and_delete(client, photo):
    """Each photo has a page, and deleting a photo also deletes its files."""
    kept = photo(photos.jpeg())
    page = client.get(reverse("images:detail", args=[kept.pk]))
    expect(page.status_code == 200, f"the photo's page returns status {page.status_code}.")
    storage, name = kept.image.storage, kept.image.name
    client.post(reverse("images:delete", args=[kept.pk]))
    expect(not storage.exists(name), "the photo was deleted, but its file still exists.")

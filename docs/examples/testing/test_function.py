"""Call the task as a function, without a broker or a worker."""

import pytest
from images.tasks import reason_for, resize_image_task
from practice.modes import set_mode


def test_a_photo_is_resized(make_photo):
    photo = make_photo()
    resize_image_task(photo.pk)
    photo.refresh_from_db()
    assert (photo.is_processed, photo.resized_width, photo.resized_height) == (True, 800, 600)


def test_twice_leaves_one_file(make_photo):
    photo = make_photo()
    resize_image_task(photo.pk)
    resize_image_task(photo.pk)
    photo.refresh_from_db()
    folder, name = photo.resized_image.name.rsplit("/", 1)
    assert photo.resized_image.storage.listdir(folder)[1] == [name]


def test_a_damaged_photo_gets_a_reason(make_photo):
    photo = make_photo(b"no picture")
    resize_image_task(photo.pk)
    photo.refresh_from_db()
    assert "damaged" in photo.failure_reason


def test_an_unavailable_storage_raises(make_photo):
    set_mode("storage", "down")
    with pytest.raises(ConnectionError):
        resize_image_task(make_photo().pk)
    set_mode("storage", "ok")


def test_an_unavailable_storage_is_not_reported_as_a_damaged_photo():
    assert "storage" in reason_for(ConnectionError())

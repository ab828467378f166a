import uuid

import pytest
from django.urls import reverse

from workshop.checkkit import expect, photos

pytestmark = pytest.mark.step("given")


@pytest.mark.parametrize("task", [uuid.uuid4(), "no-task"])
def test_detail_follows_a_task(client, photo, task):
    """The photo's page follows the task whose id is in the URL."""
    page = client.get(reverse("images:detail", args=[photo(photos.jpeg()).pk]), {"task": task})
    expect(page.status_code == 200, f"the photo's page responds with {page.status_code}.")
    followed = "data-task" in page.content.decode()
    expect(followed == (task != "no-task"), "the page does not follow the task.", file="detail.html")

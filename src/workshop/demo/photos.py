"""Upload the sample photos to the site as a visitor would, and track each photo until it is done."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from html.parser import HTMLParser
from io import BytesIO

from PIL import Image

from workshop.photos.samples import Sample
from workshop.photos.visitor import Visitor
from workshop.system.waiting import until

PATIENCE = 60.0
"""The demo stops waiting for the remaining photos if nothing has changed for this many seconds."""
DONE = ("resized", "refused", "failed")


@dataclass
class Photo:
    """A sample photo and its progress.

    Attributes:
        sample: The sample that is uploaded.
        state: The current state: painting, painted, uploading, waiting or unqueued, and finally one of DONE.
        id: The photo's ID on the site, or None until the site has accepted the photo.
        content: The content of the photo's file, which is empty until the photo has been painted.
        pixels: The width and height of the resized photo, such as "800×600".
        bytes_after: The size of the resized photo in bytes.
        why: The site's explanation if the photo was not resized, otherwise an empty string.
        sent_at: The start time of the upload, measured with time.perf_counter().
        request_seconds: The duration of the upload request in seconds.
        http_status: The HTTP status of the response to the upload, or None if there was no response.
        seconds: The number of seconds from the start of the upload until the photo was done.
    """

    sample: Sample
    state: str = ""
    id: int | None = None
    content: bytes = b""
    pixels: str = ""
    bytes_after: int = 0
    why: str = ""
    sent_at: float = 0
    request_seconds: float = 0
    http_status: int | None = None
    seconds: float = 0

    @property
    def name(self) -> str:
        """The name of the photo's file."""
        return self.sample.name

    @property
    def bytes_before(self) -> int:
        """The size of the uploaded file in bytes."""
        return len(self.content)

    @property
    def is_done(self) -> bool:
        """Whether the photo has reached a final state."""
        return self.state in DONE

    @property
    def as_expected(self) -> bool:
        """Whether the photo is in the state that is expected for its sample."""
        return self.state == self.sample.outcome

    def finish(self, state: str, why: str = "") -> None:
        """Set the final state and its reason, and record the number of seconds since the upload started."""
        self.state, self.why, self.seconds = state, why, time.perf_counter() - self.sent_at


class UploadTracker:
    """Uploads photos as a visitor, and keeps track of their states."""

    def __init__(self, visitor: Visitor):
        self._visitor = visitor
        self._known: set[int] = set()
        self._states_url: str | None = None

    def send(self, photo: Photo) -> None:
        """Upload `photo`, and update its state.

        If the site refuses the photo, the state becomes "refused". Otherwise, the photo gets an ID, and the
        state becomes "waiting". If the site resizes photos during the request, the state is already final.
        """
        photo.sent_at = time.perf_counter()
        answer = self._visitor.upload(photo.name, photo.content)
        photo.request_seconds = answer.seconds
        photo.http_status = answer.page.status_code if answer.page is not None else None
        if answer.refusal is not None:
            photo.finish("refused", answer.refusal)
            return
        page = _ListPage(answer.page.text)
        self._states_url = page.states_url
        photo.id = max(page.states.keys() - self._known, default=None)
        self._known |= page.states.keys()
        photo.state = "waiting"
        if self._states_url is None:  # the site of lesson 01, where the photo is already done
            photo.finish(page.states.get(photo.id, "lost"))

    def update(self, photos: list[Photo]) -> None:
        """Ask the site for the states of all unfinished photos, as the JavaScript on the site's page does."""
        pending = {photo.id: photo for photo in photos if photo.id is not None and not photo.is_done}
        if not pending or self._states_url is None:
            return
        _, answer = self._visitor.get(f"{self._states_url}?ids={','.join(map(str, pending))}")
        for row in answer.json()["photos"]:
            photo = pending[row["id"]]
            if row["state"] in DONE:
                photo.finish(row["state"], row["reason"])
                if row["thumbnail"]:
                    self._measure(photo, row["thumbnail"])
            else:
                photo.state = row["state"]

    def _measure(self, photo: Photo, url: str) -> None:
        _, answer = self._visitor.get(url)
        with Image.open(BytesIO(answer.content)) as picture:
            photo.pixels = f"{picture.width}×{picture.height}"
        photo.bytes_after = len(answer.content)


def paint(photos: list[Photo], show: Callable[[], None]) -> None:
    """Create the files of all photos. Calls `show` before and after creating each file."""
    for photo in photos:
        photo.state = "painting"
        show()
        photo.content, photo.state = photo.sample.content(), "painted"
        show()


def upload(photos: list[Photo], visitor: Visitor, show: Callable[[], None] = lambda: None) -> None:
    """Upload all photos, one after another, and track them until all of them are done.

    The function also returns if no state has changed for PATIENCE seconds.

    Args:
        photos: The photos to upload. All of them must have been painted.
        visitor: The visitor who uploads the photos.
        show: A function that displays the progress. The function is called after every step of an upload and
            after every request for the photos' states.
    """
    tracker = UploadTracker(visitor)
    for photo in photos:
        photo.state = "uploading"
        show()
        tracker.send(photo)
        show()
        tracker.update(photos)
        show()

    def has_changed(states: list[str]) -> bool:
        tracker.update(photos)
        show()
        return states != [photo.state for photo in photos]

    changed = True
    while changed and not all(photo.is_done for photo in photos):
        changed = until(partial(has_changed, [photo.state for photo in photos]), PATIENCE)


class _ListPage(HTMLParser):
    """Parses the page that lists the photos. Finds each photo's state and the URL that returns new states."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.states: dict[int, str] = {}
        self.states_url: str | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.states_url = attributes.get("data-states-url") or self.states_url
        if tag == "li" and (attributes.get("data-photo") or "").isdecimal():
            self.states[int(attributes["data-photo"])] = attributes.get("data-state") or ""

"""Upload the sample photos to the site as a visitor would, and follow each photo until it is done."""

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
"""Seconds without any change after which the demo stops waiting for the remaining photos."""
DONE = ("resized", "refused", "failed")


@dataclass
class Photo:
    """A sample and its progress.

    Attributes:
        sample: The sample.
        state: painting, painted, uploading, waiting or unqueued, and finally one of DONE.
        id: The photo's ID on the site, None until the site has accepted it.
        content: The file's bytes, empty until it is painted.
        pixels: The size of the resized photo, such as "800×600".
        bytes_after: The number of bytes of the resized photo.
        why: The site's message about a photo that it does not resize.
        sent_at: When the upload started, by time.perf_counter().
        request_seconds: The duration of the upload request.
        http_status: The status of its response, None without one.
        seconds: From the start of the upload until the photo is done.
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
        """The file's name."""
        return self.sample.name

    @property
    def bytes_before(self) -> int:
        """The number of bytes of the uploaded file."""
        return len(self.content)

    @property
    def is_done(self) -> bool:
        """Whether the state is final."""
        return self.state in DONE

    @property
    def as_expected(self) -> bool:
        """Whether the state is the one that the sample should end in."""
        return self.state == self.sample.outcome

    def finish(self, state: str, why: str = "") -> None:
        """Record the final state and the time it took."""
        self.state, self.why, self.seconds = state, why, time.perf_counter() - self.sent_at


class UploadTracker:
    """Uploads photos as a visitor, and follows their states."""

    def __init__(self, visitor: Visitor):
        self._visitor = visitor
        self._known: set[int] = set()
        self._states_url: str | None = None

    def send(self, photo: Photo) -> None:
        """Upload `photo`. Afterwards, its state is refused, or it has an ID and its state is waiting."""
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
        if self._states_url is None:  # as in lesson 01, where the photo is already done
            photo.finish(page.states.get(photo.id, "lost"))

    def update(self, photos: list[Photo]) -> None:
        """Ask the site for the states of the photos that are not done, as its page does."""
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
    """Create the photos' files. Calls `show` before and after each file."""
    for photo in photos:
        photo.state = "painting"
        show()
        photo.content, photo.state = photo.sample.content(), "painted"
        show()


def upload(photos: list[Photo], visitor: Visitor, show: Callable[[], None] = lambda: None) -> None:
    """Upload all photos, one after another, and follow them until all are done.

    This stops when nothing has changed for PATIENCE seconds.

    Args:
        photos: The painted photos.
        visitor: The visitor who uploads them.
        show: Called after every step and every request for the states.
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
    """The list of photos: their states by ID, and the URL that returns the states."""

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

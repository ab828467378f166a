"""Upload the sample photos to the site as a visitor would, and follow each photo until it is done."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from io import BytesIO

from PIL import Image

from workshop.photos.samples import SAMPLES, Sample
from workshop.photos.visitor import Visitor

SECONDS_BETWEEN = 0.05
PATIENCE = 60.0
"""Seconds without any change after which the demo stops waiting for the remaining photos."""
DONE = ("resized", "refused", "failed")


@dataclass
class Photo:
    """A sample and its progress.

    state: painting, uploading, waiting or unqueued, and finally one of DONE.
    pixels, bytes_after: size of the resized photo, as the site serves it.
    why: the site's message about a photo that it does not resize.
    request_seconds: duration of the upload request. http_status: status of its response, None without one.
    seconds: time from the first byte of the upload until the photo is done.
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
        return self.sample.name

    @property
    def bytes_before(self) -> int:
        return len(self.content)

    @property
    def is_done(self) -> bool:
        return self.state in DONE

    @property
    def as_expected(self) -> bool:
        return self.state == self.sample.outcome

    def finish(self, state: str, why: str = "") -> None:
        """Record the final state and the time it took."""
        self.state, self.why, self.seconds = state, why, time.perf_counter() - self.sent_at


class Followed:
    """The photos that a visitor has uploaded, and their states."""

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
        page = _ListPage.of(answer.page.text)
        self._states_url = page.states_url
        photo.id = max(page.states.keys() - self._known, default=None)
        self._known |= page.states.keys()
        photo.state = "waiting"
        if self._states_url is None:  # as in lesson 01, where the photo is already done
            photo.finish(page.states.get(photo.id, "lost"))

    def ask(self, photos: list[Photo]) -> None:
        """Ask the site for the states of the photos that are not done, as its page does."""
        pending = {photo.id: photo for photo in photos if photo.id is not None and not photo.is_done}
        if not pending or self._states_url is None:
            return
        _, answer = self._visitor.get(f"{self._states_url}?ids={','.join(map(str, pending))}")
        for found in answer.json()["photos"]:
            photo = pending[found["id"]]
            if found["state"] in DONE:
                photo.finish(found["state"], found["reason"])
                if found["thumbnail"]:
                    self._look_at(photo, found["thumbnail"])
            else:
                photo.state = found["state"]

    def _look_at(self, photo: Photo, url: str) -> None:
        _, answer = self._visitor.get(url)
        with Image.open(BytesIO(answer.content)) as picture:
            photo.pixels = f"{picture.width}×{picture.height}"
        photo.bytes_after = len(answer.content)


def paint(photos: list[Photo]) -> Iterator[Photo]:
    """Create the photos' files. Yields each photo before and after its file is created."""
    for photo in photos:
        photo.state = "painting"
        yield photo
        photo.content, photo.state = photo.sample.content(), "painted"
        yield photo


def push(photos: list[Photo], visitor: Visitor) -> Iterator[None]:
    """Upload all photos, one after another, and follow them until all are done. Yields after every step.

    Stops when nothing has changed for PATIENCE seconds. Raises WorkshopError if the site stops responding.
    """
    followed = Followed(visitor)
    for photo in photos:
        photo.state = "uploading"
        yield
        followed.send(photo)
        yield
        followed.ask(photos)
        yield
    yield from _until_done(followed, photos)


def push_one(visitor: Visitor, photo: Photo) -> None:
    """Upload one photo and return once it is done, or after PATIENCE seconds without a change."""
    followed = Followed(visitor)
    followed.send(photo)
    for _ in _until_done(followed, [photo]):
        pass


def _until_done(followed: Followed, photos: list[Photo]) -> Iterator[None]:
    changed, before = time.monotonic(), None
    while not all(photo.is_done for photo in photos):
        followed.ask(photos)
        yield
        states = [photo.state for photo in photos]
        if states != before:
            changed, before = time.monotonic(), states
        elif time.monotonic() - changed > PATIENCE:
            return
        time.sleep(SECONDS_BETWEEN)


class _ListPage(HTMLParser):
    """Parses the list of photos: their states by ID, and the URL that returns the states."""

    def __init__(self) -> None:
        super().__init__()
        self.states: dict[int, str] = {}
        self.states_url: str | None = None

    @classmethod
    def of(cls, text: str) -> "_ListPage":
        page = cls()
        page.feed(text)
        return page

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.states_url = found.get("data-states-url") or self.states_url
        if tag == "li" and (found.get("data-photo") or "").isdecimal():
            self.states[int(found["data-photo"])] = found.get("data-state") or ""


def new_photos() -> list[Photo]:
    """All samples, before their upload."""
    return [Photo(sample) for sample in SAMPLES]

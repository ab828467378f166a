"""Simulate visitors who open the photo site's pages in a browser and upload photos."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from html.parser import HTMLParser

import httpx

from workshop.errors import WorkshopError

ERROR_CLASSES = {"error", "errors", "errorlist"}
PATIENCE = 300.0
"""The maximum number of seconds that a visitor waits for a response."""


@dataclass(frozen=True)
class Timing:
    """The start time and the duration of a request.

    Attributes:
        started: The time at which the request was sent, in seconds since 1970.
        seconds: How long the site took to respond, in seconds.
    """

    started: float
    seconds: float

    @property
    def ended(self) -> float:
        """The time of the response, in seconds since 1970."""
        return self.started + self.seconds


@dataclass(frozen=True)
class Answer(Timing):
    """The outcome of an upload.

    Attributes:
        name: The file's name.
        refusal: The reason why the site rejected the photo, or None if the site accepted it.
        page: The next page that the visitor sees (the list of photos, or the form with errors), or None if
            the site didn't respond.
    """

    name: str
    refusal: str | None
    page: httpx.Response | None

    def raise_for_refusal(self) -> "Answer":
        """Return this answer if the site accepted the photo.

        Raises:
            WorkshopError: The site rejected the photo.
        """
        if self.refusal is not None:
            raise WorkshopError(f"The site rejected the photo: {self.refusal}")
        return self


class Visitor:
    """A visitor with their own connection and cookies. Use this class in a `with` statement."""

    def __init__(self, address: str) -> None:
        self.address = address
        # A proxy from the environment couldn't reach this machine's localhost.
        self._browser = httpx.Client(base_url=address, timeout=PATIENCE, trust_env=False)
        self._token: str | None = None

    def __enter__(self) -> "Visitor":
        return self

    def __exit__(self, *_: object) -> None:
        self._browser.close()

    def get(self, path: str = "/") -> tuple[float, httpx.Response]:
        """Open a page, and return the response time in seconds and the response.

        Raises:
            WorkshopError: The site doesn't respond or responds with an error.
        """
        started = time.perf_counter()
        try:
            page = self._browser.get(path, follow_redirects=True)
        except httpx.TransportError:
            raise WorkshopError(
                f"No site responds at {self.address}. Start it in another terminal: ./workshop up"
            ) from None
        if page.is_error:
            raise WorkshopError(f"{self.address}{path}: {_status(page)}")
        return time.perf_counter() - started, page

    def open_form(self) -> None:
        """Open the upload page to get the CSRF token for an upload.

        Raises:
            WorkshopError: The site doesn't respond, or the page has no form.
        """
        _, page = self.get("/upload/")
        self._token = _UploadPage(page.text).token
        if self._token is None:
            raise WorkshopError(
                f"{self.address}/upload/ has no form with a csrf_token. Does another program use this port? "
                "./workshop up prints the site's address. Use --port to set the site's port."
            )

    def upload(self, name: str, content: bytes) -> Answer:
        """Upload a photo with the file name `name`. If the form has not been opened yet, open it first.

        A rejected photo doesn't raise an exception. `Answer.refusal` contains the reason for the rejection.

        Raises:
            WorkshopError: The form cannot be opened (see `open_form()`).
        """
        return self.prepare(name, content)()

    def prepare(self, name: str, content: bytes) -> Callable[[], Answer]:
        """Prepare an upload in advance so that `Answer.seconds` covers only the upload request.

        Returns:
            A function that sends the upload. Call this function only once.

        Raises:
            WorkshopError: The form cannot be opened (see `open_form()`).
        """
        if self._token is None:
            self.open_form()
        request = self._browser.build_request(
            "POST", "/upload/", data={"csrfmiddlewaretoken": self._token}, files={"images": (name, content)}
        )
        request.read()
        return partial(self._send, name, request)

    def _send(self, name: str, request: httpx.Request) -> Answer:
        now, started = time.time(), time.perf_counter()
        try:
            page = self._browser.send(request)
            seconds = time.perf_counter() - started
            if not page.is_redirect:
                refusal = _why_rejected(page)
            else:
                page = self._browser.get(page.headers["Location"], follow_redirects=True)
                refusal = _status(page) if page.is_error else None
        except httpx.TransportError as error:
            page, seconds = None, time.perf_counter() - started
            refusal = "the connection was lost; is ./workshop up still running?"
            if isinstance(error, httpx.TimeoutException):
                refusal = f"no response within {PATIENCE:.0f} s"
        return Answer(now, seconds, name, refusal, page)


class _UploadPage(HTMLParser):
    """Parses an upload page and extracts the CSRF token and the words of all error messages."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.token: str | None = None
        self.errors: list[str] = []
        self._open_tags: list[str] = []
        """The open tags of the current error message: its own tag, and nested tags with the same name."""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if attributes.get("name") == "csrfmiddlewaretoken":
            self.token = attributes.get("value")
        if self._open_tags:
            if tag == self._open_tags[0]:
                self._open_tags.append(tag)
        elif tag in ("p", "ul", "div") and ERROR_CLASSES.intersection(
            (attributes.get("class") or "").split()
        ):
            self._open_tags = [tag]

    def handle_endtag(self, tag: str) -> None:
        if self._open_tags and tag == self._open_tags[0]:
            self._open_tags.pop()

    def handle_data(self, data: str) -> None:
        if self._open_tags:
            self.errors += data.split()


def _why_rejected(page: httpx.Response) -> str:
    if page.is_error:
        return _status(page)
    errors = " ".join(_UploadPage(page.text).errors)
    return errors or "the form was returned without an error message; does the view redirect after an upload?"


def _status(page: httpx.Response) -> str:
    if page.is_server_error:
        return f"the site failed (HTTP {page.status_code}); the traceback is in the log of ./workshop up"
    return f"the site responded with HTTP {page.status_code} ({page.reason_phrase})"

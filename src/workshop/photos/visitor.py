"""Visitors of the photo site, who open pages and upload photos as a browser does."""

import time
from dataclasses import dataclass
from html.parser import HTMLParser

import httpx

from workshop.errors import WorkshopError

ERROR_CLASSES = {"error", "errors", "errorlist"}
PATIENCE = 300.0
"""Seconds that a visitor waits for a response."""


@dataclass(frozen=True)
class Answer:
    """The outcome of an upload.

    seconds: the time until the site responded. refusal: why the site rejected the photo; None if it didn't.
    page: the next page that the visitor sees (the list of photos, or the form with errors); None without a
    response.
    """

    name: str
    seconds: float
    refusal: str | None
    page: httpx.Response | None


@dataclass(frozen=True)
class Prepared:
    """An upload that is ready to be sent: the file's name, and the whole request in memory."""

    name: str
    request: httpx.Request


class Visitor:
    """A visitor with separate cookies. Use it in a `with` statement."""

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
        """Open a page. Returns the duration in seconds, and the page.

        Raises WorkshopError if the site doesn't respond or responds with an error.
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

        Raises WorkshopError if the site doesn't respond or the page has no form.
        """
        _, page = self.get("/upload/")
        self._token = _Reader.of(page.text).token
        if self._token is None:
            raise WorkshopError(
                f"{self.address}/upload/ has no form with a csrf_token. Is another program on this port? "
                "./workshop up prints the site's address. Set its port with --port."
            )

    def upload(self, name: str, content: bytes) -> Answer:
        """Upload a photo under `name`. A rejected photo doesn't raise an exception: see `Answer.refusal`.

        Opens the form first if necessary. Raises WorkshopError as `open_form()` does.
        """
        return self.send(self.prepare(name, content))

    def prepare(self, name: str, content: bytes) -> Prepared:
        """Prepare an upload, so that `Answer.seconds` counts only the sending. Raises as `upload()` does."""
        if self._token is None:
            self.open_form()
        request = self._browser.build_request(
            "POST", "/upload/", data={"csrfmiddlewaretoken": self._token}, files={"images": (name, content)}
        )
        request.read()
        return Prepared(name, request)

    def send(self, upload: Prepared) -> Answer:
        """Send a prepared upload. Call this only once per upload."""
        name, started, page = upload.name, time.perf_counter(), None
        try:
            page = self._browser.send(upload.request)
            seconds = time.perf_counter() - started
            if not page.is_redirect:
                return Answer(name, seconds, _refusal(page), page)
            page = self._browser.get(page.headers["Location"], follow_redirects=True)
        except httpx.TimeoutException:
            refusal = f"no response within {PATIENCE:.0f} s"
        except httpx.TransportError:
            refusal = "the connection was lost; is ./workshop up still running?"
        else:
            refusal = _status(page) if page.is_error else None
            return Answer(name, seconds, refusal, page)
        return Answer(name, time.perf_counter() - started, refusal, None)


class _Reader(HTMLParser):
    """Parses an upload page: the form's token, and its error messages."""

    def __init__(self) -> None:
        super().__init__()
        self.token: str | None = None
        self.errors: list[str] = []
        """The words of all error messages."""
        self._inside: list[str] = []

    @classmethod
    def of(cls, text: str) -> "_Reader":
        reader = cls()
        reader.feed(text)
        return reader

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if found.get("name") == "csrfmiddlewaretoken":
            self.token = found.get("value")
        if self._inside:
            if tag == self._inside[0]:
                self._inside.append(tag)
        elif tag in ("p", "ul", "div") and ERROR_CLASSES.intersection((found.get("class") or "").split()):
            self._inside = [tag]

    def handle_endtag(self, tag: str) -> None:
        if self._inside and tag == self._inside[0]:
            self._inside.pop()

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.errors += data.split()


def _refusal(page: httpx.Response) -> str:
    if page.is_error:
        return _status(page)
    errors = " ".join(_Reader.of(page.text).errors)
    return errors or "the form was returned without an error message; does the view redirect after an upload?"


def _status(page: httpx.Response) -> str:
    if page.is_server_error:
        return f"the site failed (HTTP {page.status_code}); the traceback is in the log of ./workshop up"
    return f"the site responded with HTTP {page.status_code} ({page.reason_phrase})"

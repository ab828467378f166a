"""Visitors of the photo site: they look at pages and upload photos, as a browser does."""

import time
from dataclasses import dataclass
from html.parser import HTMLParser

import httpx

from workshop.errors import WorkshopError

ERROR_CLASSES = {"error", "errors", "errorlist"}
PATIENCE = 300.0
"""Seconds after which a visitor gives up on an answer."""


@dataclass(frozen=True)
class Answer:
    """What became of one upload. `seconds` is the time until the site answered the request.

    `refusal` says in words why the photo was not taken; None when it was. `page` is the page the visitor
    then sees: the list of photos, or the form with its errors; None when no answer came.
    """

    name: str
    seconds: float
    refusal: str | None
    page: httpx.Response | None


@dataclass(frozen=True)
class Prepared:
    """An upload that has only to be sent: what it is called, and the whole request in memory."""

    name: str
    request: httpx.Request


class Visitor:
    """Somebody at a browser, with cookies of their own. Close it, or use it in a `with` statement."""

    def __init__(self, address: str) -> None:
        self.address = address
        # A proxy that the environment names would not reach this machine's localhost.
        self._browser = httpx.Client(base_url=address, timeout=PATIENCE, trust_env=False)
        self._token: str | None = None

    def __enter__(self) -> "Visitor":
        return self

    def __exit__(self, *_: object) -> None:
        self._browser.close()

    def get(self, path: str = "/") -> tuple[float, httpx.Response]:
        """Look at a page: the seconds it took, and the page.

        Raises WorkshopError when nothing answers, or with something else than a page.
        """
        started = time.perf_counter()
        try:
            page = self._browser.get(path, follow_redirects=True)
        except httpx.TransportError:
            raise WorkshopError(
                f"No site answers on {self.address}. Start it in another terminal: ./workshop up"
            ) from None
        if page.is_error:
            raise WorkshopError(f"{self.address}{path}: {_status(page)}")
        return time.perf_counter() - started, page

    def open_form(self) -> None:
        """Look at the upload page, which hands out the token that an upload must carry.

        Raises WorkshopError when nothing answers, or the page has no form.
        """
        _, page = self.get("/upload/")
        self._token = _Reader.of(page.text).token
        if self._token is None:
            raise WorkshopError(
                f"{self.address}/upload/ has no form with a csrf_token. Is another program on this port? "
                "./workshop up prints the site's address; name its port with --port."
            )

    def upload(self, name: str, content: bytes) -> Answer:
        """Upload one photo under `name`. A photo that is not taken is no exception: see `Answer.refusal`.

        Opens the form first where that was not done; raises WorkshopError as `open_form` does.
        """
        return self.send(self.prepare(name, content))

    def prepare(self, name: str, content: bytes) -> Prepared:
        """All of an upload but the sending, which alone `Answer.seconds` counts. Raises as `upload` does."""
        if self._token is None:
            self.open_form()
        request = self._browser.build_request(
            "POST", "/upload/", data={"csrfmiddlewaretoken": self._token}, files={"images": (name, content)}
        )
        request.read()
        return Prepared(name, request)

    def send(self, upload: Prepared) -> Answer:
        """Send what was prepared, once."""
        name, started, page = upload.name, time.perf_counter(), None
        try:
            page = self._browser.send(upload.request)
            seconds = time.perf_counter() - started
            if not page.is_redirect:
                return Answer(name, seconds, _refusal(page), page)
            page = self._browser.get(page.headers["Location"], follow_redirects=True)
        except httpx.TimeoutException:
            refusal = f"no answer within {PATIENCE:.0f} s"
        except httpx.TransportError:
            refusal = "the connection broke; does ./workshop up still run?"
        else:
            refusal = _status(page) if page.is_error else None
            return Answer(name, seconds, refusal, page)
        return Answer(name, time.perf_counter() - started, refusal, None)


class _Reader(HTMLParser):
    """Reads an upload page: the form's token, and what its errors say."""

    def __init__(self) -> None:
        super().__init__()
        self.token: str | None = None
        self.errors: list[str] = []
        """All their words, one after the other."""
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
    return errors or "the form came back without a word; does the view redirect after an upload?"


def _status(page: httpx.Response) -> str:
    if page.is_server_error:
        return f"the site failed (HTTP {page.status_code}); the traceback is in the log of ./workshop up"
    return f"the site answered HTTP {page.status_code} ({page.reason_phrase})"

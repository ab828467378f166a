"""A real Chromium. Every test also fails if a page writes an error or sends a request to another machine."""

from contextlib import ExitStack
from urllib.parse import urlsplit

import needs
import page_checks
import pytest
from playwright.sync_api import expect

from workshop.docsite import browser as browsers
from workshop.errors import WorkshopError

PATIENCE = 15_000  # milliseconds
expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="module")
def browser():
    with ExitStack() as stack:
        try:
            found = stack.enter_context(browsers.opened())
        except browsers.NoBrowser:
            needs.missing(f"Chromium is not installed. To run these tests: {browsers.COMMAND}", True)
        except WorkshopError as error:
            pytest.fail(str(error), pytrace=False)
        yield found


@pytest.fixture
def visitor(browser):
    """visitor(viewport, **options): a new page with its own cookies and cache.

    The test fails if a page has sent a request to another machine or has written an error to its console.
    A test that causes such an error on purpose removes it from `visitor.errors`.
    """
    visitor = Visitor(browser)
    yield visitor
    visitor.close()
    visitor.assert_content()


@pytest.fixture(scope="module")
def reader(browser):
    """A visitor with one page."""
    visitor = Visitor(browser)
    visitor(color_scheme="light")
    yield visitor
    visitor.close()


@pytest.fixture
def page(reader):
    """A desktop page in light mode. The tests of a module share it, because its second address loads faster.

    The test fails if it has sent a request to another machine or has written an error to its console.
    """
    page = reader.page
    page.set_viewport_size(page_checks.DESKTOP)
    yield page
    page.evaluate("localStorage.clear()")
    reader.assert_content()


class Visitor:
    def __init__(self, browser):
        self.errors, self.foreign = [], []
        self._browser, self._contexts = browser, []

    def __call__(self, viewport=page_checks.DESKTOP, **options):
        context = self._browser.new_context(viewport=viewport, **options)
        self._contexts.append(context)
        context.set_default_timeout(PATIENCE)
        context.on("request", self._look_at)
        context.on("console", lambda said: self.errors.append(said.text) if said.type == "error" else None)
        context.on("weberror", lambda raised: self.errors.append(str(raised.error)))
        return context.new_page()

    @property
    def page(self):
        """Its first page."""
        return self._contexts[0].pages[0]

    def assert_content(self):
        """Assert that no page has asked another machine or written an error since the last call."""
        errors, foreign = list(self.errors), list(self.foreign)
        self.errors.clear()
        self.foreign.clear()
        assert foreign == [], "a page asked another machine"
        assert errors == [], "a page wrote errors to its console"

    def close(self):
        for context in self._contexts:
            context.close()

    def _look_at(self, request):
        address = urlsplit(request.url)
        if address.scheme.startswith(("http", "ws")) and address.hostname not in ("localhost", "127.0.0.1"):
            self.foreign.append(request.url)

"""A real Chromium. What no page may do is looked for in every test: errors, requests to another machine."""

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
    """Makes pages, each with cookies and a cache of its own: visitor(page_checks.PHONE, color_scheme="dark").

    At the end no page may have asked another machine for anything or have written an error to its console.
    A test that provokes such an error takes it out of `visitor.errors`.
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
    """A page on a desk, in light. The tests of a module share it, because its second address loads sooner.

    At the end it may not have asked another machine for anything or have written an error to its console.
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
        """Asserts that no page has asked another machine or has written an error since the last call."""
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

"""The checks of every test in this folder: each of them notices the problem that it is meant for."""

import page_checks
import pytest

LIKE_OTHERS = "<p>One <span>word</span> of many.</p>" * 30


@pytest.mark.parametrize(
    ("pale", "text"),
    [
        ('<p style="color: #aaa">Pale.</p>', "Pale."),
        ('<p style="background: #666">On <span>gray</span>.</p>', "gray"),
        ('<div style="opacity: 0.4"><p>Through.</p></div>', "Through."),
        ('<input aria-label="Name" value="typed" style="color: #bbb">', "Name"),
        ('<p>One <a href="/" style="color: #333; text-decoration: none">link</a> of many.</p>', "link"),
    ],
    ids=["color", "background", "opacity", "field", "link"],
)
def test_one_text_that_is_hard_to_read_is_noticed(visitor, pale, text):
    page = visitor()
    around = f"<html lang=en><title>Words</title><main><h1>Words</h1>{LIKE_OTHERS}{{}}{LIKE_OTHERS}</main>"
    page.set_content(around.format(""))
    assert page_checks.axe(page) == page_checks.axe(page, colours_only=True) == []
    page.set_content(around.format(pale))
    found = page_checks.axe(page)
    assert found
    assert all(text in each for each in found)
    assert page_checks.axe(page, colours_only=True) == found


def test_request_to_another_machine_is_noticed(visitor):
    page = visitor()
    page.set_content(
        '<img src="https://example.org/a.png"><img src="data:image/gif;base64,R0lGODlhAQABAAAAACw=">'
    )
    assert visitor.foreign == ["https://example.org/a.png"]
    assert ["ERR_NAME_NOT_RESOLVED" in said for said in visitor.errors] == [True], "it must not have left"
    visitor.foreign.clear()
    visitor.errors.clear()


def test_errors_of_a_page_are_noticed(visitor):
    page = visitor()
    page.set_content("<script>console.error('first'); throw new Error('second')</script>")
    page.wait_for_function("true")
    assert visitor.errors == ["first", "second"]
    visitor.errors.clear()

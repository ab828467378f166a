"""The guards of every test here: what they are for is provoked, and noticed."""


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

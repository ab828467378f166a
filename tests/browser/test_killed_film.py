"""Recording the film of the killed process: a run that goes as expected, and one that doesn't."""

import pytest

from workshop.dev import killed_film
from workshop.errors import WorkshopError


def test_a_killed_process_is_filmed(browser, monkeypatch):
    monkeypatch.setattr(killed_film, "SLOW_SECONDS", 8)
    moments = killed_film.moments(browser)
    assert [moment.text.count("received") for moment in moments] == [1, 1, 2, 2]
    assert ["succeeded" in moment.text for moment in moments] == [False, False, False, True]
    assert "kill -9" in moments[1].text
    for scheme in ("light", "dark"):
        pictures = {moment.app[scheme] for moment in moments[1:]}
        assert len(pictures) == 3, f"each state of the photos looks different in {scheme}"
    assert all(moment.app["light"] != moment.app["dark"] for moment in moments)


def test_a_run_that_is_different_is_not_filmed(browser, monkeypatch):
    """The photos are resized before a process can be killed, or just then."""
    monkeypatch.setattr(killed_film, "SLOW_SECONDS", 0)
    monkeypatch.setattr(killed_film, "PATIENCE", 30)
    with pytest.raises(
        WorkshopError, match="does not resize two photos at once|The photos should be waiting"
    ):
        killed_film.moments(browser)

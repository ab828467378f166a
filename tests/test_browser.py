"""`./workshop dev browser`: where it looks, what it says, and how it installs. The programs are made up."""

import subprocess
import sys

import pytest

from workshop import browser
from workshop.errors import WorkshopError


def program(folder, name, code="#!/bin/sh\nexit 0\n"):
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_text(code)
    file.chmod(0o755)
    return file


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine without a browser; its PATH is the folder that is returned."""
    monkeypatch.delenv("WORKSHOP_CHROMIUM", raising=False)
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path / "downloaded"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(browser, "ON_MACOS", tmp_path / "no-chrome")
    return tmp_path / "bin"


def test_order_of_the_search(machine, tmp_path, monkeypatch):
    assert browser.find() is None
    chrome = program(machine, "google-chrome")
    assert browser.find() == chrome
    chromium = program(machine, "chromium")
    assert browser.find() == chromium
    downloaded = program(tmp_path, "its-own")
    monkeypatch.setattr(browser, "_playwrights_own", lambda: str(downloaded))
    assert browser.find() == downloaded
    named = program(tmp_path, "named")
    monkeypatch.setenv("WORKSHOP_CHROMIUM", str(named))
    assert browser.find() == named


def test_without_one_the_command_is_named(machine):
    with pytest.raises(WorkshopError, match=r"this machine has none\. Get one: \./workshop dev browser$"):
        browser.needed()


def test_variable_that_names_no_program(machine, monkeypatch):
    monkeypatch.setenv("WORKSHOP_CHROMIUM", "/nowhere/chromium")
    with pytest.raises(
        WorkshopError, match=r"WORKSHOP_CHROMIUM is /nowhere/chromium, and that is no program"
    ):
        browser.find()


def test_program_that_does_not_start(machine, monkeypatch):
    monkeypatch.setenv("WORKSHOP_CHROMIUM", str(program(machine, "broken", "#!/bin/sh\nexit 3\n")))
    with pytest.raises(WorkshopError, match="broken does not start"), browser.opened():
        pass


@pytest.mark.parametrize(
    ("system", "user", "sudo", "calls"),
    [
        (
            "debian",
            0,
            False,
            ["apt-get update -q", "apt-get install -q -y --no-install-recommends chromium libatomic1"],
        ),
        (
            "debian",
            1000,
            True,
            ["sudo -n true", "sudo -n env DEBIAN_FRONTEND=noninteractive apt-get update -q"],
        ),
        ("debian", 1000, False, ["playwright install chromium"]),
        ("ubuntu", 0, False, ["playwright install chromium"]),
        ("", 0, False, ["playwright install chromium"]),
    ],
)
def test_how_it_is_installed(machine, monkeypatch, capsys, system, user, sudo, calls):
    ran = []
    program(machine, "apt-get")
    if sudo:
        program(machine, "sudo")
    monkeypatch.setattr(browser, "_system", lambda: system)
    monkeypatch.setattr(browser.os, "geteuid", lambda: user)
    monkeypatch.setattr(
        browser.subprocess,
        "run",
        lambda command, **_: ran.append(" ".join(command)) or subprocess.CompletedProcess(command, 0),
    )
    browser.install()
    said = capsys.readouterr().out
    assert all(any(call in each for each in ran) for call in calls), ran
    assert ("Playwright downloads" in said) == (ran[-1] == f"{sys.executable} -m playwright install chromium")


def test_nothing_can_be_installed(machine, monkeypatch):
    failed = subprocess.CompletedProcess([], 1)
    monkeypatch.setattr(browser.subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(WorkshopError, match=r"No Chromium could be installed.*WORKSHOP_CHROMIUM="):
        browser.install()

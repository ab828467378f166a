"""`./workshop dev browser`: where it looks, what it says, and how it installs. The programs are made up."""

import os
import subprocess
import sys

import pytest
from files import program

from workshop.docsite import browser
from workshop.errors import WorkshopError
from workshop.system import apt


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
    chrome = program(machine / "google-chrome")
    assert browser.find() == chrome
    chromium = program(machine / "chromium")
    assert browser.find() == chromium
    downloaded = program(tmp_path / "its-own")
    monkeypatch.setattr(browser, "_playwrights_own", lambda: str(downloaded))
    assert browser.find() == downloaded
    named = program(tmp_path / "named")
    monkeypatch.setenv("WORKSHOP_CHROMIUM", str(named))
    assert browser.find() == named


def test_without_one_the_command_is_named(machine):
    with pytest.raises(
        WorkshopError, match=r"Chromium is not installed\. Install it: \./workshop dev browser$"
    ):
        browser.needed()


def test_variable_that_names_no_program(machine, monkeypatch):
    monkeypatch.setenv("WORKSHOP_CHROMIUM", "/nowhere/chromium")
    with pytest.raises(
        WorkshopError, match=r"WORKSHOP_CHROMIUM is set to /nowhere/chromium, which is not a program"
    ):
        browser.find()


def test_program_that_does_not_start(machine, monkeypatch):
    monkeypatch.setenv("WORKSHOP_CHROMIUM", str(program(machine / "broken", "#!/bin/sh\nexit 3\n")))
    with pytest.raises(WorkshopError, match="broken does not start"), browser.opened():
        pass


@pytest.mark.parametrize(
    ("system", "user", "sudo", "asks_sudo", "debians"),
    [
        ("debian", 0, False, False, True),
        ("debian", 1000, True, True, True),
        ("debian", 1000, False, False, False),
        ("ubuntu", 0, False, False, False),
        ("", 0, False, False, False),
    ],
)
def test_how_it_is_installed(machine, monkeypatch, capsys, system, user, sudo, asks_sudo, debians):
    ran = []
    program(machine / "apt-get")
    if sudo:
        program(machine / "sudo")
    monkeypatch.setattr(apt, "_system", lambda: system)
    monkeypatch.setattr(os, "geteuid", lambda: user)
    monkeypatch.setattr(
        subprocess, "run", lambda command, **_: ran.append(command) or subprocess.CompletedProcess(command, 0)
    )
    browser.install()
    said = capsys.readouterr().out
    if debians:
        assert ran[-1][-2:] == ["chromium", "libatomic1"]
        assert "apt-get $options update" in ran[-1][-4]
        assert (ran[-1][:2] == ["sudo", "-n"]) == asks_sudo
    else:
        assert ran[-1] == [sys.executable, "-m", "playwright", "install", "chromium"]
    assert ("Playwright will download" in said) != debians


def test_packages_do_not_start_their_servers(tmp_path, monkeypatch):
    """The script of the installation, with a made-up apt-get that does what Debian's packages do."""
    policy = tmp_path / "policy-rc.d"
    log = tmp_path / "log"
    program(tmp_path / "bin" / "apt-get", f"#!/bin/sh\n{policy}; echo $? $DEBIAN_FRONTEND $@ >>{log}\n")
    script = apt._AS_ROOT.replace("/usr/sbin/policy-rc.d", str(policy))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.delenv("DEBIAN_FRONTEND", raising=False)
    assert subprocess.run(["sh", "-c", script, "apt", "nginx", "openssl"], check=False).returncode == 0
    update, install = log.read_text().splitlines()
    assert update.startswith("101 -q")
    assert update.endswith(" update")
    assert install.startswith("101 noninteractive -q")
    assert install.endswith(" install -y --no-install-recommends nginx openssl")
    assert not policy.exists()


def test_an_installation_that_fails_or_does_not_end_is_no_installation(tmp_path, monkeypatch):
    monkeypatch.setattr(apt, "available", lambda: True)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(apt, "_AS_ROOT", "exit 100")
    assert not apt.install("nginx")
    monkeypatch.setattr(apt, "_AS_ROOT", "exec sleep 60")
    monkeypatch.setattr(apt, "SECONDS", 0.1)
    assert not apt.install("nginx")


def test_nothing_can_be_installed(machine, monkeypatch):
    failed = subprocess.CompletedProcess([], 1)
    monkeypatch.setattr(browser.subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(WorkshopError, match=r"Chromium could not be installed.*WORKSHOP_CHROMIUM="):
        browser.install()

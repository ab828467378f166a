"""The embedded broker: real processes on real ports."""

import errno
import sys

import psutil
import pytest
import redis
from files import program

from workshop.errors import WorkshopError
from workshop.runtime import broker as broker_module
from workshop.runtime.broker import Broker, answers, use_external, version_of, without_password
from workshop.system import ports
from workshop.system.child import Child
from workshop.system.ports import free_port, is_free, next_free, who_holds


def test_start_answers_and_stop_leaves_nothing():
    with Broker(prefer=None) as broker:
        process, folder = psutil.Process(broker.pid), broker.folder
        client = redis.Redis.from_url(broker.url)
        assert client.set("key", "value")
        assert client.get("key") == b"value"
        client.close()
        assert version_of(broker.url).split(".")[0].isdigit()
        assert broker.url == f"redis://localhost:{broker.port}/0"
    assert not process.is_running()
    assert not folder.exists()
    assert is_free(broker.port)
    broker.stop()  # a second time is harmless


def test_only_this_machine_can_reach_it():
    with Broker(prefer=None) as broker:
        addresses = {
            c.laddr.ip for c in psutil.Process(broker.pid).net_connections("tcp") if c.status == "LISTEN"
        }
    assert addresses == {"127.0.0.1"}


def test_prefers_its_port_and_takes_another_when_that_is_busy(busy_port):
    wanted = free_port()
    with Broker(prefer=wanted) as first, Broker(prefer=wanted) as second:
        assert first.port == wanted
        assert second.port not in (0, wanted)
    with Broker(prefer=busy_port) as third:
        assert third.port != busy_port


def test_a_fixed_port_that_is_busy_is_an_error_that_names_the_holder(busy_port):
    with pytest.raises(WorkshopError, match=rf"port {busy_port} is taken by .*pid {psutil.Process().pid}"):
        Broker(port=busy_port).start()


def test_a_holder_that_has_just_gone_is_named_so(monkeypatch):
    monkeypatch.setattr(broker_module, "is_free", lambda port: False)  # as seen a moment too early
    with pytest.raises(WorkshopError, match="is taken by a process that has just ended. Stop that process"):
        Broker(port=free_port()).start()


def test_a_port_that_another_takes_at_the_same_moment(monkeypatch):
    with Broker(prefer=None) as first:
        monkeypatch.setattr(broker_module, "is_free", lambda port: True)  # as seen a moment too early
        with Broker(prefer=first.port) as second:
            assert second.port != first.port
            assert second.running


def test_killed_broker_comes_back_on_the_same_port():
    with Broker(prefer=None) as broker:
        port, url = broker.port, broker.url
        broker.kill()
        assert not broker.running
        assert not answers(url)
        broker.start()
        assert broker.port == port
        assert answers(url)


def test_a_server_that_cannot_start_is_a_sentence(monkeypatch, tmp_path):
    wrong = program(tmp_path / "valkey-server", "#!/bin/sh\necho 'no memory left'\nexit 1\n")
    monkeypatch.setattr(broker_module, "get_binary_path", lambda: wrong)
    with pytest.raises(WorkshopError, match="did not start on port .*no memory left"):
        Broker(prefer=None).start()


def test_external_broker():
    with Broker(prefer=None) as broker:
        assert use_external(broker.url) == broker.url
    with pytest.raises(WorkshopError, match="doesn't respond.*\n.*unset REDIS_URL"):
        use_external(broker.url)
    with pytest.raises(WorkshopError, match="doesn't respond"):
        use_external("no-address")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://localhost:6379/0", "redis://localhost:6379/0"),
        ("redis://[::1]:6379/0", "redis://[::1]:6379/0"),
        ("unix:///run/redis.sock?db=1", "unix:///run/redis.sock?db=1"),
        ("rediss://me:secret@host:1/0", "rediss://…@host:1/0"),
        ("redis://:secret@host:1/0", "redis://…@host:1/0"),
        ("redis://:sec@ret@host/0", "redis://…@host/0"),
        ("redis://:sec/ret@host/0", "redis://…@host/0"),
        ("redis://:sec?ret#s@host/0", "redis://…@host/0"),
        ("redis://host/0?password=secret&db=1", "redis://host/0?password=…&db=1"),
        ("unix:///run/redis.sock?password=sec@ret", "unix:///run/redis.sock?password=…"),
        ("redis://:password=sec&ret@host/0", "redis://…@host/0"),
        ("redis://:secret/0", "…"),
        ("redis://:secret", "…"),
        ("redis://[secret", "…"),
        (":secret@host:6379/0", "…"),
        ("secret", "…"),
    ],
)
def test_the_password_is_not_shown(url, shown):
    assert without_password(url) == shown


@pytest.mark.parametrize("password", ["secret", "secret/word", "secret@word"])
def test_the_password_of_a_broker_that_does_not_answer_is_not_shown(password):
    with pytest.raises(WorkshopError, match="doesn't respond") as error:
        use_external(f"redis://:{password}@127.0.0.1:{free_port()}/0")
    assert "secret" not in str(error.value)
    assert "word" not in str(error.value).replace("password", "")


def test_who_holds(busy_port):
    assert who_holds(busy_port).pid == psutil.Process().pid
    assert not is_free(busy_port)
    port = free_port()
    assert is_free(port)
    assert who_holds(port) is None


def test_a_port_that_the_system_keeps_for_root(monkeypatch):
    monkeypatch.setattr(ports, "_refusal", lambda port: errno.EACCES)  # root, as in CI, is refused none
    port = free_port()
    assert not is_free(port)
    assert "only an administrator's process may listen" in str(who_holds(port))


def test_a_holder_that_ends_while_it_is_looked_at(monkeypatch):
    code = "import socket; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1]); input()"
    with Child([sys.executable, "-uc", code], leash=True) as holder:
        port = int(holder.wait_for("", 60))

        def ended(process):
            """Its command line is no longer there, and a moment later neither is it."""
            holder.stop()
            return []

        monkeypatch.setattr(psutil.Process, "cmdline", ended)
        assert str(who_holds(port)) == f"a process that has just ended (pid {holder.pid})"


def test_after_the_last_port_any_that_is_free_is_next(busy_port):
    assert next_free(busy_port) > busy_port
    assert is_free(next_free(65535 + 1))

"""REDIS_URL of the finished project: TLS and sockets work in both spellings, and a bad URL is refused."""

import contextlib
import importlib.util
import re
import shlex
import subprocess
import tempfile
from pathlib import Path

import httpx
import needs
import pytest
import redis
from django.core.exceptions import ImproperlyConfigured
from projects import PATIENCE
from test_servers import STATE, Site, upload

from workshop import paths
from workshop.checkkit import photos, until
from workshop.checkkit.worker import QUICK_START
from workshop.runtime import temporary_servers
from workshop.system.child import Child
from workshop.system.ports import free_port

SOLUTION = paths.SOLUTIONS / "05-beat"


def load():
    spec = importlib.util.spec_from_file_location("redis_url", SOLUTION / "myproject/redis_url.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


redis_url = load()


@pytest.mark.parametrize(
    ("url", "redis_py", "celery"),
    [
        ("redis://localhost:6379/0", "redis://localhost:6379/0", "redis://localhost:6379/0"),
        ("redis://me:p%40ss@[::1]:6379", "redis://me:p%40ss@[::1]:6379", "redis://me:p%40ss@[::1]:6379"),
        ("redis://localhost?db=3", "redis://localhost/3", "redis://localhost/3"),
        ("rediss://h:1/2", "rediss://h:1/2?ssl_cert_reqs=required", "rediss://h:1/2"),
        ("rediss://h?ssl_cert_reqs=CERT_NONE", "rediss://h?ssl_cert_reqs=none", "rediss://h"),
        ("unix:///run/r.sock", "unix:///run/r.sock?db=0", "redis+socket:///run/r.sock?virtual_host=0"),
        (
            "redis+socket://:secret@/run/r.sock?virtual_host=4",
            "unix://:secret@/run/r.sock?db=4",
            "redis+socket://:secret@/run/r.sock?virtual_host=4",
        ),
    ],
)
def test_one_address_is_written_for_both_libraries(url, redis_py, celery):
    assert (redis_url.for_redis_py(url), redis_url.for_celery(url)) == (redis_py, celery)
    assert (redis_url.for_redis_py(redis_py), redis_url.for_celery(celery)) == (redis_py, celery)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("", "Write it like redis://"),
        ("localhost:6379", "Write it like redis://"),
        ("http://:secret@localhost:6379/0", "Write it like redis://"),
        ("redis://:sec/ret@localhost:6379/0", "Write it like redis://"),
        ("redis://me:12/secret@localhost:6379/0", "number of a database"),
        ("redis://:sec#ret@localhost:6379/0", "Write it like redis://"),
        ("redis://:secret@one:6379/0;redis://:secret@two:6379/0", "Write it like redis://"),
        ("redis://:secret@localhost:port/0", "Write it like redis://"),
        ("redis://:secret@localhost/photos", "number of a database"),
        ("redis://:secret@localhost/0?socket_timeout=1", "Only rediss:// takes options"),
        ("redis://:secret@localhost/0?ssl_cert_reqs=none", "Only rediss:// takes options"),
        (
            "rediss://:secret@localhost/0?ssl_cert_reqs=yes",
            "must be one of required, optional, none",
        ),
        ("rediss://:secret@localhost/0?ssl_ca_certs=/none.pem", "The file /none.pem of ssl_ca_certs"),
        ("rediss://:secret@localhost/0?ssl_check_hostname=maybe", "The options are ssl_cert_reqs"),
        ("rediss://:secret@localhost/0?password=secret", "The options are ssl_cert_reqs"),
        ("sentinel://:secret@localhost:26379/0", "Sentinel is not supported"),
        ("sentinel://one:26379;sentinel://two:26379", "Sentinel is not supported"),
        ("unix://run/redis.sock", "three slashes"),
        ("redis+socket://", "three slashes"),
        ("unix:///run/redis.sock?db=x", "number of a database"),
    ],
)
def test_an_address_that_cannot_work_is_refused_without_its_password(url, says):
    with pytest.raises(ImproperlyConfigured, match=re.escape(says)) as caught:
        redis_url.for_redis_py(url)
    assert str(caught.value).startswith("The address in REDIS_URL is invalid. ")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("own", "found"),
    [
        (None, {"ssl_cert_reqs": "required"}),
        ("", {"ssl_cert_reqs": "required"}),
        ("amqp://guest:guest@localhost:5672//", None),
        ("amqps://guest:guest@localhost:5671//", None),
        ("redis://localhost:6379/1", None),
        ("rediss://localhost:6379/1?ssl_cert_reqs=CERT_NONE", {"ssl_cert_reqs": "none"}),
    ],
)
def test_tls_is_that_of_the_address_that_celery_uses(monkeypatch, own, found):
    if own is None:
        monkeypatch.delenv("CELERY_BROKER_URL", raising=False)
    else:
        monkeypatch.setenv("CELERY_BROKER_URL", own)
    assert redis_url.tls_options("CELERY_BROKER_URL", "rediss://localhost/0") == found


@pytest.mark.parametrize(
    "own", ["unix:///run/redis.sock", "sentinel://localhost:26379", "redis://localhost/x"]
)
def test_an_address_of_celery_alone_is_refused_as_well(monkeypatch, own):
    monkeypatch.setenv("CELERY_BROKER_URL", own)
    with pytest.raises(ImproperlyConfigured, match="^The address in CELERY_BROKER_URL is invalid"):
        redis_url.tls_options("CELERY_BROKER_URL", "redis://localhost/0")


def test_the_sentence_is_the_last_line(tmp_path):
    site = Site(tmp_path, REDIS_URL="sentinel://localhost:26379")
    said = site.manage("check", fails=True).splitlines()
    assert said[-1].endswith("Use the address of the primary or of a proxy before it.")


@pytest.fixture(scope="module")
def tls_redis():
    """A Redis with TLS and a socket. Yields its folder and the port with TLS."""
    needs.tool("Redis")
    needs.tool("openssl")
    with tempfile.TemporaryDirectory(prefix="redis-") as name:  # short: a socket's path has 107 characters
        folder, port = Path(name), free_port()
        certificate = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost"
        certificate += f" -addext subjectAltName=DNS:localhost -keyout {name}/key.pem -out {name}/cert.pem"
        subprocess.run(shlex.split(certificate), check=True, capture_output=True, timeout=60)
        options = f"--port 0 --tls-port {port} --tls-cert-file {name}/cert.pem --tls-key-file {name}/key.pem"
        options += f" --tls-ca-cert-file {name}/cert.pem --tls-auth-clients no --bind 127.0.0.1 --save ''"
        options += f" --unixsocket {name}/redis.sock --requirepass p@ss/w;d --dir {name}"
        program = folder / "redis-server"  # the program starts a server only under this name
        program.symlink_to(temporary_servers.redis_program())
        with Child([program, *shlex.split(options.replace(";", "\\;"))]) as server:
            assert until(lambda: (folder / "redis.sock").exists(), PATIENCE), server.output
            yield folder, port


TLS = "rediss://:p%40ss%2Fw%3Bd@localhost:{port}"
SOCKET = "{scheme}://:p%40ss%2Fw%3Bd@{folder}/redis.sock"


@pytest.mark.parametrize(
    "url",
    [
        TLS + "/0?ssl_cert_reqs=CERT_REQUIRED&ssl_ca_certs={folder}/cert.pem",
        TLS + "?ssl_cert_reqs=none",
        SOCKET.replace("{scheme}", "unix") + "?db=2",
    ],
    ids=["verified", "not-verified", "socket"],
)
def test_a_photo_goes_through_a_redis_with_tls_or_on_a_socket(tls_redis, url, tmp_path):
    """An upload is resized, beat gets its lock, `workers` sees the worker, and Flower the queues."""
    folder, port = tls_redis
    flower = str(free_port())
    site = Site(tmp_path, REDIS_URL=url.format(folder=folder, port=port), FLOWER_PORT=flower)
    site.environment["FLOWER_BASIC_AUTH"] = "me:secret"
    options = ["--loglevel", "INFO", "--concurrency", "1", *QUICK_START]
    client = redis.Redis.from_url(redis_url.for_redis_py(site.environment["REDIS_URL"]))
    with client, contextlib.ExitStack() as stack:
        client.flushall()  # the lock of the last test's beat process
        site.address = stack.enter_context(site.serving())
        worker = stack.enter_context(site.celery("worker", *options))
        beat = stack.enter_context(site.celery("beat", "--loglevel", "INFO"))
        flower_process = stack.enter_context(site.celery("flower"))
        assert worker.wait_for(" ready.", PATIENCE), worker.output
        upload(site, photos.jpeg(80, 60))
        assert worker.wait_for("] succeeded", PATIENCE), worker.output
        assert site.shell(STATE).startswith("resized")
        assert until(lambda: client.exists("lock:beat"), PATIENCE), beat.output
        assert "queue celery: 0 waiting" in site.manage("workers")
        broker_page = f"http://me:secret@localhost:{flower}/broker"
        # Flower shows the queues once the worker has answered its first question.
        shown = until(lambda: (page := answers(broker_page)) and "celery" in page.text, PATIENCE)
        assert shown, flower_process.output
        assert "Unable to get broker info" not in flower_process.output


def answers(address: str) -> httpx.Response | None:
    """Return the page, or None if the server doesn't respond or responds with an error."""
    with contextlib.suppress(httpx.TransportError):
        page = httpx.get(address)
        return page if page.is_success else None
    return None

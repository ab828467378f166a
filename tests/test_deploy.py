"""The guide "Deploy with nginx and systemd": its files are valid, fit the project, and serve a photo."""

import json
import re
import shutil
import socket
import ssl
import subprocess

import httpx
import needs
import pytest
import redis
from deployed_server import FILES, HOST, SOLUTION, Server, sections, unit, variables
from honcho.environ import parse_procfile
from projects import PATIENCE, Project

from workshop.photos import samples
from workshop.system.waiting import until

ANIMATED = next(each for each in samples.SAMPLES if each.name == "animated.gif")
SCRIPT = b"<script>alert(1)</script>"
UNITS = ("web", "worker", "slow", "beat", "flower")
needs_nginx = pytest.mark.usefixtures("nginx_and_openssl")
needs_systemd = pytest.mark.skipif(
    not shutil.which("systemd-analyze"),
    reason="systemd-analyze is not installed: this is a system without systemd",
)
ASK = """
import json, sys
from myproject.celery import app
app.loader.import_default_modules()
from django.conf import settings
tasks = {name: [task.time_limit, settings.CELERY_TASK_ROUTES.get(name, {}).get("queue", "celery")]
         for name, task in app.tasks.items() if not name.startswith("celery.")}
files = [settings.MAX_UPLOAD_BYTES, settings.MAX_UPLOAD_FILES]
print(json.dumps({"tasks": tasks, "files": files}))
"""


@pytest.fixture(scope="module")
def nginx_and_openssl():
    needs.tool("nginx")
    needs.tool("openssl")


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """The time limits of the project's tasks, and its limits for uploads."""
    return json.loads(Project(SOLUTION, tmp_path_factory.mktemp("data")).run("-c", ASK))


def test_every_task_has_a_time_limit(project):
    without = [name for name, (limit, _) in project["tasks"].items() if not limit]
    assert project["tasks"]
    assert without == [], "a few hanging tasks would block a worker"


def test_there_is_a_unit_for_each_process():
    found = sorted(file.stem.removeprefix("photos-") for file in FILES.glob("*.service"))
    assert found == sorted(UNITS)
    assert sorted(parse_procfile((SOLUTION / "Procfile").read_text()).processes) == found


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_starts_again_ends_gently_and_may_write_its_data_only(name):
    parsed = sections(f"photos-{name}.service")
    assert parsed.sections() == ["Unit", "Service", "Install"]
    found = unit(name)
    assert found.one("Restart") == "always"
    assert (found.one("KillSignal"), found.one("KillMode")) == ("SIGTERM", "mixed")
    assert found.one("User") == "photos"
    assert (found.one("NoNewPrivileges"), found.one("ProtectSystem")) == ("yes", "strict")
    assert "/etc/photos/photos.env" in found["EnvironmentFile"]


def test_the_units_start_what_the_procfile_starts():
    lines = parse_procfile((SOLUTION / "Procfile").read_text(encoding="utf-8")).processes
    for name in UNITS:
        command = unit(name).command()
        assert command.startswith("/srv/photos/venv/bin/")
        if name == "web":  # runserver is for development
            assert "gunicorn myproject.wsgi" in command
        else:
            assert command.removeprefix("/srv/photos/venv/bin/") == lines[name]


def test_workers_step_back_for_the_site():
    """systemd gives each unit without a number the weight 100."""
    weights = {name: found["CPUWeight"] for name in UNITS if "CPUWeight" in (found := unit(name))}
    assert weights == {"worker": ["20"], "slow": ["20"]}


@pytest.mark.parametrize("name", ["worker", "slow"])
def test_one_process_out_of_memory_does_not_end_its_worker(name):
    assert unit(name).one("OOMPolicy") == "continue"


def test_what_is_told_to_stop_may_end_its_longest_task(project):
    for name, queues in {"worker": ("celery", "upkeep"), "slow": ("slow", "upkeep")}.items():
        limits = [limit for limit, where in project["tasks"].values() if where in queues and limit]
        assert int(unit(name).one("TimeoutStopSec")) > max(limits), name
    web = unit("web")
    timeout = int(re.search(r"--timeout (\d+)", web.command())[1])
    assert int(re.search(r"--graceful-timeout (\d+)", web.command())[1]) >= timeout
    assert int(web.one("TimeoutStopSec")) > timeout
    nginx = (FILES / "nginx.conf").read_text(encoding="utf-8")
    assert {int(each) for each in re.findall(r"proxy_read_timeout (\d+)s", nginx)} == {timeout}


def test_nginx_lets_the_largest_upload_through(project):
    size, count = project["files"]
    limits = re.findall(r"client_max_body_size (\d+)m", (FILES / "nginx.conf").read_text(encoding="utf-8"))
    one, many = sorted(int(each) * 1024 * 1024 for each in limits)
    assert size < one < 2 * size
    assert size * count < many < 1.1 * size * count


def test_the_environment_files_set_what_the_project_reads():
    settings = (SOLUTION / "myproject/settings.py").read_text(encoding="utf-8")
    site = variables((FILES / "photos.env").read_text(encoding="utf-8"))
    assert [name for name in site if f'environ.get("{name}"' not in settings] == []
    assert site["DEBUG"] == "0"
    flower = variables((FILES / "flower.env").read_text(encoding="utf-8"))
    assert set(flower) == {"FLOWER_BASIC_AUTH", "FLOWER_URL_PREFIX"}


@pytest.fixture(scope="module")
def server():
    with Server() as started:
        yield started


def test_the_broker_keeps_its_messages_and_its_door_shut(server):
    with pytest.raises(redis.AuthenticationError):
        redis.Redis(port=server.ports["redis"]).ping()
    with server.redis() as mine:
        for command in ("FLUSHALL", "KEYS *", "CONFIG GET *", "SHUTDOWN"):
            with pytest.raises(redis.exceptions.NoPermissionError):
                mine.execute_command(*command.split())
        assert mine.info()["aof_enabled"] == 1
        assert mine.info()["maxmemory_policy"] == "noeviction"


def test_gunicorn_believes_the_scheme_that_comes_through_its_socket(server):
    with server.socket() as client:
        plain = client.get("/login/")
        assert (plain.status_code, plain.headers["Location"]) == (301, f"https://{HOST}/login/")
        assert client.get("/login/", headers={"X-Forwarded-Proto": "https"}).status_code == 200
        stranger = client.get("/login/", headers={"X-Forwarded-Proto": "https", "Host": "evil.example"})
        assert stranger.status_code == 400


def answered(said):
    return said if re.search(r"workers that answer: quick@\S+, slow@", said) else ""


def test_the_restricted_broker_is_enough_for_all_of_it(server):
    with server.socket() as client:
        client.headers["X-Forwarded-Proto"] = "https"
        server.sign_in(client)
        photo = upload(client, {"garden.jpg": samples.photo(4032, 3024)})
        assert until(lambda: state_of(client, photo) == "resized", PATIENCE), server.log("worker")
    watch = (FILES / "watch.py").read_text(encoding="utf-8")
    said = until(lambda: answered(server.manage("shell", "-v", "0", input=watch)), PATIENCE)
    assert said, "both workers never answered within its second"
    assert "photos waiting: 0" in said
    assert "messages waiting: {'celery': 0, 'slow': 0, 'upkeep': 0}" in said
    for name in UNITS:
        assert "NOPERM" not in server.log(name) + server.log("redis")
    with server.redis() as broker:  # beat sends when it holds its lock
        assert until(lambda: broker.exists("lock:beat"), PATIENCE), server.log("beat")
    assert "Traceback" not in server.log("beat") + server.log("worker") + server.log("slow")


@pytest.fixture(scope="module")
def outside(server):
    server.start_nginx()
    with server.https() as client:
        server.sign_in(client)
        assert client.get("/").status_code == 200, server.log("nginx")
        yield client


@needs_nginx
def test_a_photo_goes_in_and_comes_out_through_nginx(server, outside):
    photo = upload(outside, {"terrace.jpg": samples.photo(4032, 3024)})
    assert until(lambda: state_of(outside, photo) == "resized", PATIENCE), server.log("worker")
    address = states(outside, photo)["thumbnail"]
    resized = outside.get(address)
    assert (resized.status_code, resized.headers["Content-Type"]) == (200, "image/jpeg")
    assert resized.content.startswith(b"\xff\xd8")
    style = outside.get("/static/images/style.css")
    assert style.headers["Content-Type"] == "text/css"


@needs_nginx
def test_without_an_account_nobody_gets_in(server, outside):
    """Without an account, a visitor sees neither a page nor a photo."""
    photo = upload(outside, {"attic.jpg": samples.photo(640, 480)})
    assert until(lambda: state_of(outside, photo) == "resized", PATIENCE), server.log("worker")
    with server.https() as stranger:
        for path in ("/", "/upload/", f"/photos/{photo}/", "/photos/states/?ids=1"):
            answer = stranger.get(path)
            assert answer.status_code in (302, 303), path
            assert "/login/?next=/" in answer.headers["Location"], path
        assert stranger.get(states(outside, photo)["thumbnail"]).status_code == 401
        assert stranger.get("/signed-in/").status_code == 404, "nginx alone asks"
        assert stranger.get("/health/").status_code == 200


@needs_nginx
def test_an_upload_without_an_account_is_refused_before_it_is_read(server, outside):
    """The header announces 900 MB, but nginx responds although no content follows."""
    context = ssl._create_unverified_context()
    with socket.create_connection(("127.0.0.1", server.ports["https"]), timeout=PATIENCE) as plain:
        connection = context.wrap_socket(plain, server_hostname=HOST)
        connection.sendall(
            f"POST /upload/ HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 900000000\r\n\r\n".encode()
        )
        assert connection.recv(20).startswith(b"HTTP/1.1 303")


@needs_nginx
def test_a_visitor_who_is_not_staff_logs_in(server, outside):
    with server.https() as visitor:
        form = visitor.get("/login/?next=/upload/")
        data = {
            "csrfmiddlewaretoken": re.search(r'csrfmiddlewaretoken" value="(\w+)"', form.text)[1],
            "username": "visitor",
            "password": "for-a-test",
            "next": "/upload/",
        }
        answer = visitor.post("/login/", data=data)
        assert (answer.status_code, answer.headers["Location"]) == (302, "/upload/")
        assert visitor.get("/upload/").status_code == 200
        assert "You are logged in as visitor." in visitor.get("/login/").text


@needs_nginx
def test_a_client_with_too_many_requests_has_to_wait(server, outside):
    with server.https() as stranger:
        answers = [stranger.get("/login/").status_code for _ in range(30)]
    assert set(answers) == {200, 429}


@needs_nginx
def test_plain_http_is_sent_to_https_and_the_redirect_ends(server, outside):
    answer = httpx.get(f"http://127.0.0.1:{server.ports['http']}/upload/", headers={"Host": HOST})
    assert (answer.status_code, answer.headers["Location"]) == (301, f"https://{HOST}/upload/")
    lie = outside.get("/", headers={"X-Forwarded-Proto": "http"})
    assert lie.status_code == 200, "nginx replaces what a visitor writes into the header"


@needs_nginx
def test_a_page_that_calls_itself_a_photo_is_not_shown_as_a_page(server, outside):
    page = ANIMATED.content() + SCRIPT
    photo = upload(outside, {"holiday.html": page})
    assert until(lambda: state_of(outside, photo) == "resized", PATIENCE), server.log("worker")
    address = states(outside, photo)["thumbnail"]
    shown = outside.get(address)
    assert shown.headers["Content-Type"] in ("image/png", "image/jpeg")
    assert SCRIPT not in shown.content
    assert shown.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in shown.headers["Content-Security-Policy"]
    # A file of a type that nobody has thought of.
    (server.folder / "data/media/resized" / str(photo) / "page.html").write_bytes(page)
    other = outside.get(f"{address.rpartition('/')[0]}/page.html")
    assert (other.status_code, other.headers["Content-Type"]) == (200, "application/octet-stream")


@needs_nginx
def test_an_original_has_no_address(server, outside):
    photo = upload(outside, {"cellar.jpg": samples.photo(640, 480, gps=True)})
    assert until(lambda: state_of(outside, photo) == "resized", PATIENCE), server.log("worker")
    (original,) = (server.folder / "data/media/uploads").glob("cellar*")
    for path in (
        "uploads",
        "resized/../uploads",
        "resized/%2e%2e/uploads",
        "/uploads",
        "exports/..%2fuploads",
    ):
        assert outside.get(f"/media/{path}/{original.name}").status_code in (400, 404), path
    assert "/uploads/" not in outside.get(f"/photos/{photo}/").text


@needs_nginx
def test_too_much_is_refused_where_it_is_cheap(outside):
    assert outside.post("/photos/export-zip/", content=b"0" * (22 * 1024 * 1024)).status_code == 413


@needs_nginx
def test_flower_asks_for_its_password_and_keeps_its_figures_inside(server, outside):
    assert outside.get("/flower/").status_code == 401
    assert outside.get("/flower/", auth=("admin", "wrong")).status_code == 401
    page = outside.get("/flower/", auth=("admin", "replace-me"))
    assert page.status_code == 200
    assert "/flower/static/" in page.text
    closed = ("metrics", "healthcheck", "metrics/", "./metrics", "/metrics", "%6detrics", "x/../metrics")
    for path in closed:
        answer = outside.get(f"/flower/{path}", auth=("admin", "replace-me"))
        assert answer.status_code == 404, path
    inside = httpx.get(f"http://127.0.0.1:{server.ports['flower']}/flower/metrics")
    assert inside.status_code == 200


@needs_systemd
def test_systemd_takes_the_units(server, tmp_path):
    files = []
    for name in UNITS:
        file = tmp_path / f"photos-{name}.service"
        file.write_text(server.here(file.name))
        files.append(str(file))
    run = subprocess.run(
        ["systemd-analyze", "verify", *files], capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    said = [line for line in (run.stdout + run.stderr).splitlines() if "photos-" in line]
    assert (run.returncode, said) == (0, [])


def upload(client, photos: dict[str, bytes]) -> int:
    """Upload photos as a browser does, and return the ID of the newest."""
    form = client.get("/upload/")
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', form.text)[1]
    cookie = re.search(r"csrftoken=[^;]+", form.headers["Set-Cookie"])[0]  # which is for HTTPS only
    answer = client.post(
        "/upload/",
        data={"csrfmiddlewaretoken": token},
        files=[("images", (name, content)) for name, content in photos.items()],
        headers={"Cookie": f"{client.headers['Cookie']}; {cookie}"},
    )
    assert answer.status_code == 302, answer.text[:2000]
    return max(map(int, re.findall(r"/photos/(\d+)/", client.get("/").text)))


def states(client, photo: int) -> dict:
    return client.get("/photos/states/", params={"ids": photo}).json()["photos"][0]


def state_of(client, photo: int) -> str:
    return states(client, photo)["state"]

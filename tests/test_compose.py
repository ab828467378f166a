"""The Docker files: what can be checked without Docker, and with `--docker` the stack itself.

tests/compose_stack.py starts it. `--docker` builds the image and takes minutes, so it is off by default.
"""

import ast
import importlib.util
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import threading
from functools import partial
from http.server import HTTPServer, SimpleHTTPRequestHandler
from importlib import metadata

import httpx
import needs
import pytest
import yaml
from compose_stack import PATIENCE, PORTS, Stack
from files import program
from honcho.environ import parse_procfile
from packaging.requirements import Requirement

from workshop import paths
from workshop.errors import WorkshopError
from workshop.runtime import compose, env_file
from workshop.system.environment import read_by
from workshop.system.ports import free_port
from workshop.system.waiting import until

COMPOSE = yaml.safe_load((paths.ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES = COMPOSE["services"]
ROLES = sorted(name for name, each in SERVICES.items() if each["image"] == "photos-workshop")
SOLUTIONS = sorted(each for each in paths.SOLUTIONS.iterdir() if (each / "manage.py").is_file())
BASES = {"python:3.13-slim", "postgres:17", "redis:8-alpine", "rabbitmq:4.3"}
BASES |= {"prom/prometheus:v3.5.0", "grafana/grafana:12.3.1"}
OF_PROFILES = {name for name, each in SERVICES.items() if "profiles" in each}
FILES = ["Dockerfile", ".dockerignore", "docker-compose.yml", *(f"docker/{each.name}" for each in
         sorted((paths.ROOT / "docker").iterdir()) if each.is_file())]  # fmt: skip
SECRET_NAMES = re.compile(r"PASSWORD|PASS$|SECRET|TOKEN|AUTH|_KEY$|_URL$")


def read(name):
    return (paths.ROOT / name).read_text(encoding="utf-8")


def seconds(duration):
    return sum(int(n) * {"s": 1, "m": 60}[unit] for n, unit in re.findall(r"(\d+)([sm])", duration))


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_ends_calmly_starts_again_and_says_how_it_is(name):
    service = SERVICES[name]
    assert service["restart"] == ("no" if name == "migrate" else "always")
    assert seconds(service["stop_grace_period"]) >= 10
    assert service["logging"]["options"]["max-size"]
    if name == "migrate":
        assert "healthcheck" not in service
    else:
        assert service["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL")
        assert {"interval", "timeout", "retries"} <= set(service["healthcheck"])


@pytest.mark.parametrize("name", ROLES)
def test_a_role_may_do_little(name):
    service = SERVICES[name]
    assert service["init"] is True
    assert service["read_only"] is True
    assert service["tmpfs"] == ["/tmp"]
    assert service["cap_drop"] == ["ALL"]
    assert "user" not in service, "the image's own user, which is not root"
    # A list: a string would be read by a shell, which keeps SIGTERM to itself.
    assert service["command"] == [name]


def test_one_service_builds_the_image_of_all_roles():
    """Compose labels an image with the service's name, so two services would build two different images."""
    assert [name for name in ROLES if "build" in SERVICES[name]] == ["migrate"]
    assert {SERVICES[name]["pull_policy"] for name in set(ROLES) - {"migrate"}} == {"never"}


def test_ports_are_those_of_this_machine_alone():
    for name, service in SERVICES.items():
        for port in service.get("ports", []):
            assert re.fullmatch(r"127\.0\.0\.1:\$\{[A-Z0-9_]+:-\d+\}:\d+", port), f"{name}: {port}"
    assert not any(SERVICES[name].get("ports") for name in ("worker", "slow", "beat", "postgres", "redis"))


def test_one_beat_and_as_many_workers_as_wanted():
    assert [name for name, each in SERVICES.items() if each.get("command") == ["beat"]] == ["beat"]
    assert [name for name, each in SERVICES.items() if "container_name" in each] == ["beat"]
    assert not any("deploy" in each for each in SERVICES.values())


def test_order_is_by_health():
    for name in set(ROLES) - {"migrate", "docs"}:
        wanted = {each: given["condition"] for each, given in SERVICES[name]["depends_on"].items()}
        assert wanted["migrate"] == "service_completed_successfully"
        assert {wanted[each] for each in wanted if each != "migrate"} == {"service_healthy"}
        assert {"postgres", "redis"} <= set(wanted)
    assert SERVICES["migrate"]["depends_on"]["postgres"]["condition"] == "service_healthy"
    assert "sleep" not in read("docker-compose.yml").replace("not by sleeping", "")


def time_limits():
    """Queue -> the longest `time_limit` of its tasks, in seconds, over all solutions."""
    longest = {"worker": 0, "slow": 0}
    for file in paths.SOLUTIONS.glob("*/*/tasks.py"):
        settings = (file.parents[1] / "myproject/settings.py").read_text(encoding="utf-8")
        slow = set(re.findall(r'"[\w.]+\.(\w+)": \{"queue": "slow"\}', settings))
        for default in re.findall(r"^CELERY_TASK_TIME_LIMIT = (\d+)", settings, re.M):
            longest = {queue: max(seconds, int(default)) for queue, seconds in longest.items()}
        for task in ast.parse(file.read_text(encoding="utf-8")).body:
            queue = "slow" if getattr(task, "name", "") in slow else "worker"
            for word in ast.walk(task) if isinstance(task, ast.FunctionDef) else []:
                if isinstance(word, ast.keyword) and word.arg == "time_limit":
                    longest[queue] = max(longest[queue], ast.literal_eval(word.value))
    return longest


def test_workers_have_the_time_of_their_longest_task():
    limits = time_limits()
    assert limits["worker"] >= 300
    assert limits["slow"] >= 660
    for name, longest in limits.items():
        assert seconds(SERVICES[name]["stop_grace_period"]) > longest


def test_workers_step_back_for_the_site():
    weights = {name: each["cpu_shares"] for name, each in SERVICES.items() if "cpu_shares" in each}
    assert set(weights) == {"worker", "slow"}
    # Docker's own number for all the others.
    assert max(weights.values()) < 1024


def test_redis_keeps_its_messages():
    command = " ".join(SERVICES["redis"]["command"])
    assert "--appendonly yes" in command
    assert "--maxmemory 256mb --maxmemory-policy noeviction" in command


def test_no_secret_is_on_a_command_line():
    """Every user of the machine reads command lines with ps."""
    for name, service in SERVICES.items():
        words = [service.get("command", ""), service.get("healthcheck", {}).get("test", "")]
        assert not re.search(r"(?<!\$)\$\{", str(words)), name


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_cannot_take_the_whole_machine(name):
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert re.fullmatch(r"\d+[mg]", service["mem_limit"])
    assert service["pids_limit"] <= 500
    assert service.get("read_only") or name == "rabbitmq"


def test_every_variable_of_the_settings_reaches_the_containers():
    wanted = set().union(*(read_by(each / "myproject/settings.py") for each in SOLUTIONS))
    wanted |= {"FORWARDED_ALLOW_IPS", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
    # The image has its folder, and the settings of a container their hosts from PUBLIC_URL.
    missing = wanted - set(COMPOSE["x-environment"]) - {"DATA_DIR", "ALLOWED_HOSTS"}
    assert missing == set()


def test_no_secret_and_no_floating_version_in_the_files():
    for name, service in SERVICES.items():
        for variable, value in service.get("environment", {}).items():
            if SECRET_NAMES.search(variable) and value:
                assert "${" in value, f"{name}: {variable}"
    ours = {each["image"] for each in SERVICES.values() if "build" in each}
    pulled = {each["image"] for each in SERVICES.values()} - ours
    built = set(re.findall(r"^FROM (\S+:\S+)", read("Dockerfile"), flags=re.M))
    assert pulled | built == BASES
    for name in FILES:
        text = read(name)
        assert ":latest" not in text, name
        assert not re.search(r"index-url|find-links|pypi|docker\.io|ghcr", text), name


def test_every_secret_of_the_compose_file_is_made():
    asked = set(re.findall(r"\$\{([A-Z_]+):\?", read("docker-compose.yml")))
    assert asked <= set(env_file.SECRETS)


def test_the_image_is_not_roots():
    last = read("Dockerfile").rpartition("\nFROM ")[2]
    assert re.findall(r"^USER (\S+)$", last, flags=re.M) == ["photos"]
    assert re.search(r'^ENTRYPOINT \["', last, flags=re.M)


def test_nothing_private_gets_into_the_image():
    lines = [line for line in read(".dockerignore").splitlines() if line and not line.startswith("#")]
    assert lines[0] == "*"
    let_in = [line for line in lines if line.startswith("!")]
    assert not any(private in line for line in let_in for private in (".env", ".git", ".workshop", ".venv"))
    assert {"playground/*/data/", "playground/.backup/", "**/.env"} <= set(lines)


@pytest.mark.parametrize("solution", SOLUTIONS, ids=lambda each: each.name)
def test_commands_of_a_procfile_are_plain_words(solution):
    """docker/run splits them at blanks, and knows each of their names."""
    commands = parse_procfile((solution / "Procfile").read_text(encoding="utf-8")).processes
    for name, command in commands.items():
        assert name in ROLES
        assert name == "web" or not re.search(r"[\"'$`*?\\]", command), command


def run(role, **environment):
    return subprocess.run(
        ["sh", str(paths.ROOT / "docker/run"), *role.split()],
        env={"PATH": os.environ["PATH"]} | environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_the_lesson_is_chosen():
    assert run("pwd").stdout.strip().endswith("solutions/05-beat")
    assert re.search(r"(solutions|playground)/03-images$", run("pwd", LESSON="03-images").stdout.strip())
    wrong = run("pwd", LESSON="3")
    assert wrong.returncode == 1
    assert "LESSON=03-images" in wrong.stderr


def module(name):
    spec = importlib.util.spec_from_file_location(name, paths.ROOT / f"docker/{name}.py")
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "ALL_PROXY"])
def test_health_asks_this_machine_without_the_proxy(monkeypatch, name):
    for each in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(each, raising=False)
    monkeypatch.setenv(name, "http://127.0.0.1:1")
    with HTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/"
        try:
            assert module("health").answers(address) == f"{address}: 200"
        finally:
            server.shutdown()


def test_the_image_has_every_package_that_it_needs():
    chosen = module("runtime_requirements").chosen(read("requirements.txt"), {"moto", "flask"})
    names = {re.match(r"[\w.-]+", block)[0].lower() for block in chosen}
    assert all("--hash=" in block for block in chosen)
    assert {"django", "celery", "gunicorn", "whitenoise", "psycopg-binary", "flower", "packaging"} <= names
    assert not names & {"playwright", "ruff", "pytest-xdist", "pyvips-binary", "uv"}
    for name in names:
        try:
            wanted = map(Requirement, metadata.requires(name) or [])
        except metadata.PackageNotFoundError:
            continue  # of another system
        for each in wanted:
            if each.marker is None or each.marker.evaluate({"extra": ""}):
                assert each.name.lower().replace("_", "-").replace(".", "-") in {
                    found.replace("_", "-").replace(".", "-") for found in names
                }, f"{name} needs {each}"


SERVED = """
import django, json; django.setup()
from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.test import Client
media = settings.MEDIA_ROOT
for folder in ("resized", "exports", "uploads"): (media / folder).mkdir(parents=True)
(media / "uploads/photo.png").write_bytes(b"png")
(media / "resized/page.html").write_text("GIF89a<script>"); (media / "resized/photo.png").write_bytes(b"png")
static = [path for finder in get_finders() for path, _ in finder.list([]) if path.startswith("images/")]
paths = ["/", "/media/resized/page.html", "/media/resized/photo.png", "/media/../db.sqlite3"]
paths += [f"/static/{static[0]}"]
paths += ["/media/uploads/photo.png", "/media/resized/../uploads/photo.png"]
django.core.management.call_command("migrate", verbosity=0)
for path in paths:
    answer = Client(headers={"host": "localhost"}).get(path)
    print(json.dumps([path, answer.status_code, answer.headers.get("Content-Type", "")]))
Client(headers={"host": "evil.example"}).get("/")
django.db.connection.cursor().execute("DROP TABLE images_uploadedimage")
Client(headers={"host": "localhost"}, raise_request_exception=False).get("/")
"""


@pytest.mark.parametrize("solution", [SOLUTIONS[0], SOLUTIONS[-1]], ids=lambda each: each.name)
def test_a_container_hands_out_its_files(solution, tmp_path):
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join([str(solution), str(paths.ROOT / "docker")]),
        "DJANGO_SETTINGS_MODULE": "container_settings",
        "DATA_DIR": str(tmp_path),
        "DEBUG": "0",
        "SECRET_KEY": "of this test",
        "PUBLIC_URL": "http://photos.example:8000",
        "LOGIN_REQUIRED": "0",
    }
    done = subprocess.run(
        [sys.executable, "-c", SERVED],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    page, html, photo, above, style, *originals = map(json.loads, done.stdout.splitlines())
    assert re.search(r"(?m)^\[20\d\d-\d\d-\d\d .*Invalid HTTP_HOST header: 'evil.example'", done.stderr)
    lines = done.stderr.splitlines()
    (stranger,) = [number for number, line in enumerate(lines) if "'evil.example'" in line]
    assert not lines[stranger + 1].startswith("Traceback"), "one line for a stranger"
    assert "no such table: images_uploadedimage" in done.stderr, "an error is in the log, without DEBUG too"
    assert page[1] == 200
    assert html[1:] == [200, "application/octet-stream"]
    assert photo[1:] == [200, "image/png"]
    assert above[1] == 404
    assert [status for _, status, _ in originals] == [404, 400]
    assert style[1] == 200
    del environment["LOGIN_REQUIRED"]
    https = environment | {"PUBLIC_URL": "https://photos.example"}
    code = (
        "import django; django.setup(); from django.conf import settings as s; print(s.SECURE_SSL_REDIRECT,"
    )
    code += " s.SESSION_COOKIE_SECURE, s.ALLOWED_HOSTS[0], s.CSRF_TRUSTED_ORIGINS)"
    said = subprocess.run([sys.executable, "-c", code], env=https, capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "True True photos.example ['https://photos.example']"


RABBITMQ_SETTINGS = """
import json, os, sys
from importlib import import_module
settings = import_module(os.environ["DJANGO_SETTINGS_MODULE"])
queues = [(queue.name, queue.exchange.name, queue.exchange.type, queue.routing_key, queue.queue_arguments)
          for queue in getattr(settings, "CELERY_TASK_QUEUES", [])]
print(json.dumps([sorted(queues), {name: getattr(settings, name, None) for name in (
    "CELERY_TASK_DEFAULT_EXCHANGE", "CELERY_TASK_DEFAULT_EXCHANGE_TYPE", "CELERY_TASK_DEFAULT_ROUTING_KEY",
    "CELERY_BROKER_TRANSPORT_OPTIONS")}]))
"""


def rabbitmq_settings(folder, data, settings, **environment):
    """Return the queues and the other settings for RabbitMQ in the settings module `settings`."""
    path = os.pathsep.join([str(folder), str(paths.ROOT / "docker")])
    environment |= {"PYTHONPATH": path, "DATA_DIR": str(data), "DJANGO_SETTINGS_MODULE": settings}
    code = [sys.executable, "-c", RABBITMQ_SETTINGS]
    said = subprocess.run(code, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert said.returncode == 0, said.stderr
    return json.loads(said.stdout)


@pytest.mark.parametrize("solution", SOLUTIONS, ids=lambda each: each.name)
def test_rabbitmq_has_quorum_queues_in_containers(solution, tmp_path):
    """All queues of the lesson, with the settings that the guide shows. Redis keeps the project's queues."""
    project = rabbitmq_settings(solution, tmp_path, "myproject.settings")
    assert rabbitmq_settings(solution, tmp_path, "container_settings") == project
    address = "amqp://photos:secret@rabbitmq:5672//"
    queues, settings = rabbitmq_settings(solution, tmp_path, "container_settings", CELERY_BROKER_URL=address)
    assert [queue[0] for queue in queues] == ([queue[0] for queue in project[0]] or ["celery"])
    assert {queue[4]["x-queue-type"] for queue in queues} == {"quorum"}
    if solution == SOLUTIONS[-1]:
        copy = tmp_path / "app"
        shutil.copytree(solution / "myproject", copy / "myproject")
        shutil.copy(paths.DOCS / "examples/rabbitmq/quorum.py", copy / "myproject")
        assert rabbitmq_settings(copy, tmp_path, "myproject.quorum") == [queues, settings]


def test_secrets_are_made_once_and_are_the_owners(tmp_path):
    file = tmp_path / ".env"
    made = env_file.add_secrets(file)
    assert set(made) == set(env_file.SECRETS)
    assert len(set(made.values())) == len(made)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert env_file.add_secrets(file) == made
    without = "\n".join(line for line in file.read_text().splitlines() if "FLOWER" not in line)
    file.write_text(f"{without}\nPORT=9000")
    again = env_file.add_secrets(file)
    assert again["FLOWER_PASSWORD"] != made["FLOWER_PASSWORD"]
    assert again | {"FLOWER_PASSWORD": ""} == made | {"FLOWER_PASSWORD": "", "PORT": "9000"}
    assert ".env" in read(".gitignore").splitlines()


DOTENV = """
# A comment: NOT=this
PLAIN=a=b#c
 SPACED = some words   # a comment
EMPTY=
SINGLE='a # b'
DOUBLE="c=d"  # a comment
export EXPORTED=yes
"""
VALUES = {"PLAIN": "a=b#c", "SPACED": "some words", "EMPTY": "", "SINGLE": "a # b", "DOUBLE": "c=d"}
VALUES |= {"EXPORTED": "yes"}


def test_env_is_read_as_compose_reads_it(tmp_path):
    file = tmp_path / ".env"
    file.write_text(DOTENV)
    assert env_file.read(file) == VALUES
    env_file.write(file, EXPORTED="no", SPACED="one")
    assert env_file.read(file) == VALUES | {"EXPORTED": "no", "SPACED": "one"}
    needs.docker_compose()
    file.write_text(DOTENV)
    service = "services: {one: {image: one, environment: {%s}}}"
    names = ", ".join(f"{name}: '${{{name}}}'" for name in VALUES)
    (tmp_path / "docker-compose.yml").write_text(service % names)
    command = ["docker", "compose", "config", "--format", "json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["services"]["one"]["environment"] == VALUES


def test_values_in_quotes_are_passed_on_without_them(clone, busy_port):
    (clone.folder / ".env").write_text('SECRET_KEY="two words"\n')
    assert clone.given("up")[1]["SECRET_KEY"] == "two words"
    (clone.folder / ".env").write_text(f"FLOWER_PORT='{busy_port}'\n")
    done = clone.run("up", FLOWER_PORT=None)
    assert f"Port {busy_port} (flower) is taken by another program" in done.stderr


def test_a_profile_brings_what_the_others_have_to_know(monkeypatch):
    monkeypatch.delenv("COMPOSE_PROFILES", raising=False)
    known = {"RABBITMQ_PASSWORD": "secret"}
    for arguments in (["--profile", "rabbitmq", "up"], ["--profile=rabbitmq", "up"]):
        assert compose.for_profiles(compose._profiles(arguments), known) == {
            "CELERY_BROKER_URL": "amqp://photos:secret@rabbitmq:5672//"
        }
    assert compose.for_profiles(compose._profiles(["up"]), known) == {}
    assert (
        compose.for_profiles({"s3"}, known | {"AWS_STORAGE_BUCKET_NAME": "mine"}).get(
            "AWS_STORAGE_BUCKET_NAME"
        )
        is None
    )
    assert set(compose.PROFILES) == {each for one in SERVICES.values() for each in one.get("profiles", [])}


FAKE = """#!/bin/sh
case "$1 $2" in
    "compose version") exit 0 ;;
    "volume ls") cat "$WORKSHOP_ROOT/volumes"; exit 0 ;;
    "ps --filter") cat "$WORKSHOP_ROOT/holder"; exit 0 ;;
esac
echo "WORDS $*"
env
"""
"""A docker that prints what it is given."""


class Clone:
    """A clone with a fake docker. It runs without site-packages, as before .venv exists."""

    def __init__(self, folder):
        self.folder = folder
        program(folder / "bin/docker", FAKE)
        for name in ("volumes", "holder"):
            (folder / name).write_text("")
        shutil.copy(paths.ROOT / "docker-compose.yml", folder)

    def run(self, *arguments, **environment):
        return subprocess.run(
            [sys.executable, "-S", "-P", "-m", "workshop.runtime.compose", *arguments],
            env={
                "PATH": f"{self.folder}/bin:{os.environ['PATH']}",
                "PYTHONPATH": str(paths.ROOT / "src"),
                "WORKSHOP_ROOT": str(self.folder),
                **{name: str(free_port()) for name in PORTS if environment.get(name, "") is not None},
                **{name: value for name, value in environment.items() if value is not None},
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def given(self, *arguments, **environment):
        """Return the arguments and the variables that docker gets."""
        done = self.run(*arguments, **environment)
        assert done.returncode == 0, done.stderr
        words, *lines = done.stdout.splitlines()
        return words.removeprefix("WORDS compose "), dict(line.split("=", 1) for line in lines if "=" in line)


@pytest.fixture
def clone(tmp_path):
    return Clone(tmp_path / "clone")


def test_two_clones_and_two_lessons_have_containers_of_their_own(clone, tmp_path):
    other = Clone(tmp_path / "other" / "clone")
    names = [
        each.given("up", **variables)[1]["COMPOSE_PROJECT_NAME"]
        for each in (clone, other)
        for variables in ({}, {"LESSON": "03-images"})
    ]
    assert len(set(names)) == 4
    assert all(re.fullmatch(r"photos-[0-9a-f]{6}-(finished|03-images)", name) for name in names), names
    assert clone.given("ps", COMPOSE_PROJECT_NAME="mine")[1]["COMPOSE_PROJECT_NAME"] == "mine"


def test_the_guide_names_every_profile_and_every_port():
    guide = read("docs/guides/docker.md")
    for name in compose.PROFILES:
        assert f"| `{name}` | " in guide
    for variable in PORTS:
        assert f"`{variable}`" in guide


def test_a_profile_stays_chosen_and_down_knows_them_all(clone):
    words, variables = clone.given("--profile", "rabbitmq", "up", "--wait")
    assert (words, variables["COMPOSE_PROFILES"]) == ("--profile rabbitmq up --wait", "rabbitmq")
    _, variables = clone.given("up")
    assert variables["COMPOSE_PROFILES"] == "rabbitmq"
    assert variables["CELERY_BROKER_URL"].startswith("amqp://photos:")
    for command in ("down", "stop", "ps"):
        assert clone.given(command)[1]["COMPOSE_PROFILES"] == "monitoring,rabbitmq,s3"
    forget_profiles(clone)
    _, variables = clone.given("up")
    assert (variables["COMPOSE_PROFILES"], "CELERY_BROKER_URL" in variables) == ("", False)


def forget_profiles(clone):
    """Do what a person does who no longer wants a profile."""
    file = clone.folder / ".env"
    file.write_text(re.sub("(?m)^COMPOSE_PROFILES=.*\n", "", file.read_text()))


def test_a_lost_env_is_said_before_a_database_refuses_the_new_password(clone):
    project = clone.given("up")[1]["COMPOSE_PROJECT_NAME"]
    (clone.folder / "volumes").write_text(f"{project}_postgres\n")
    assert clone.run("up").returncode == 0, "the password is there"
    (clone.folder / ".env").unlink()
    done = clone.run("up", "--wait")
    assert done.returncode == 1
    assert "The database password is gone" in done.stderr
    assert "./workshop compose down --volumes" in done.stderr
    words, _ = clone.given("down", "--volumes")
    assert words == "down --volumes"
    assert not (clone.folder / ".env").exists(), "the next up says it again"
    (clone.folder / "volumes").write_text("")
    assert clone.run("up").returncode == 0


def test_a_port_that_is_taken_is_said_before_anything_starts(clone, busy_port):
    port = str(busy_port)
    done = clone.run("up", FLOWER_PORT=port)
    assert done.returncode == 1
    assert f"Port {port} (flower) is taken by another program" in done.stderr
    assert f"FLOWER_PORT={int(port) + 10} ./workshop compose up" in done.stderr
    assert clone.run("up", "web", "worker", FLOWER_PORT=port).returncode == 0, "Flower was not asked for"
    assert clone.run("up", S3_PORT=port).returncode == 0, "without the profile there is no store"
    assert clone.run("--profile", "s3", "up", S3_PORT=port).returncode == 1
    forget_profiles(clone)
    assert clone.run("up", GRAFANA_PORT=port).returncode == 0, "without the profile there is no Grafana"
    assert "(grafana) is taken" in clone.run("--profile=monitoring", "up", GRAFANA_PORT=port).stderr
    assert clone.run("--profile=monitoring", "up", S3_PORT=port).returncode == 0, "another profile"
    forget_profiles(clone)
    assert clone.run("ps", PORT=port).returncode == 0
    project = clone.given("ps")[1]["COMPOSE_PROJECT_NAME"]
    (clone.folder / "holder").write_text(f"{project}\n")
    assert clone.run("up", PORT=port).returncode == 0, "its own containers"
    (clone.folder / "holder").write_text(project.replace("finished", "03-images"))
    assert "Stop these containers: LESSON=03-images ./workshop compose down" in clone.run("up").stderr
    (clone.folder / "holder").write_text("another")
    assert "Stop these containers: docker compose --project-name another down" in clone.run("up").stderr


def test_manage_is_a_short_form(clone):
    words, _ = clone.given("manage", "createsuperuser", "--username", "me")
    command = "exec --no-TTY web /srv/workshop/docker/run python manage.py"
    assert words == f"{command} createsuperuser --username me"


def test_compose_starts_without_a_venv(clone):
    """The script runs any Python, even one that cannot create a venv, and installs nothing."""
    shutil.copy(paths.ROOT / "workshop", clone.folder)
    shutil.copytree(paths.ROOT / "src/workshop", clone.folder / "src/workshop")
    environment = {"PATH": f"{clone.folder}/bin:{os.environ['PATH']}", "PYTHON": sys.executable}
    done = subprocess.run(
        [clone.folder / "workshop", "compose", "ps"],
        env=environment | {"WORKSHOP_ROOT": str(clone.folder)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "WORDS compose ps"), done.stderr
    assert not (clone.folder / ".venv").exists()
    assert not (clone.folder / ".workshop").exists()


@pytest.mark.parametrize(("docker", "says"), [(None, "Docker is not installed"), ("exit 1", "Compose v2")])
def test_without_docker_it_says_what_to_install(docker, says, tmp_path, monkeypatch):
    if docker:
        program(tmp_path / "docker", f"#!/bin/sh\n{docker}\n")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(WorkshopError, match=says):
        compose.main(["up"])


@pytest.mark.parametrize("lesson", ["", "03-images"])
def test_compose_itself_reads_the_file(lesson):
    needs.docker_compose()
    environment = os.environ | dict.fromkeys(env_file.SECRETS, "x") | {"LESSON": lesson}
    command = ["docker", "compose", "--profile", "*", "config", "--format", "json"]
    done = subprocess.run(
        command, cwd=paths.ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    found = json.loads(done.stdout)
    assert found["name"] == (f"photos-{lesson}" if lesson else "photos-finished")
    assert set(found["services"]) == set(SERVICES)


def test_the_devcontainer_opens_the_ports_of_up():
    wanted = json.loads(read(".devcontainer/devcontainer.json"))
    assert wanted["image"].endswith(":3.13")
    assert wanted["postCreateCommand"] == "./workshop --version"
    assert wanted["postAttachCommand"] == "./workshop up"
    assert set(wanted["portsAttributes"]) == set(map(str, wanted["forwardPorts"]))
    assert all(each["label"] for each in wanted["portsAttributes"].values())


def engine():
    """Return why no Docker engine can be used; "" if one responds."""
    if shutil.which("docker") is None:
        return "Docker is not installed"
    done = subprocess.run(["docker", "info"], capture_output=True, text=True, check=False)
    return done.stderr.strip() if done.returncode else ""


@pytest.fixture(scope="module")
def stack(request):
    """The finished system. It re-sends waiting photos after 20 seconds instead of ten minutes."""
    if not request.config.getoption("--docker"):
        needs.docker()
    assert not engine(), f"--docker, and no engine answers: {engine()}"
    stack = Stack(SWEEP_AFTER="20")
    try:
        stack.up("--build", "--scale", "worker=2")
        yield stack
    finally:
        stack.down()


def running(stack, service):
    return [each for each in stack.containers(service) if each["State"] == "running"]


def test_everything_is_well_and_nobody_else_gets_in(stack):
    for name in set(SERVICES) - {"migrate"} - OF_PROFILES:
        found = stack.containers(name)
        assert found, name
        assert {each["Health"] for each in found} == {"healthy"}, name
    assert [each["ExitCode"] for each in stack.containers("migrate")] == [0]
    get = partial(httpx.get, trust_env=False, timeout=60)
    ports = stack.ports
    page = get(stack.address)
    style = re.search(r'href="(/static/[^"]+\.css)"', page.text)[1]
    assert get(f"{stack.address}{style}").status_code == 200
    assert "Traceback" not in get(f"{stack.address}/not-there/").text, "DEBUG is off"
    assert get(f"http://localhost:{ports['FLOWER_PORT']}/api/tasks").status_code == 401
    password = ("workshop", "of-a-test-FLOWER_PASSWORD")
    assert get(f"http://localhost:{ports['FLOWER_PORT']}/api/tasks", auth=password).status_code == 200
    assert get(f"http://localhost:{ports['JUPYTER_PORT']}/api/contents").status_code == 403
    token = {"token": "of-a-test-JUPYTER_TOKEN"}
    assert get(f"http://localhost:{ports['JUPYTER_PORT']}/api/contents", params=token).status_code == 200
    assert "step by step" in get(f"http://localhost:{ports['DOCS_PORT']}/").text
    who = stack.compose("exec", "-T", "worker", "id", "-u").strip()
    assert who == "10001"
    assert (
        "SECRET_KEY"
        not in subprocess.run(
            ["docker", "history", "--no-trunc", "photos-workshop"], capture_output=True, text=True, check=True
        ).stdout
    )


def test_the_exporter_knows_the_database_and_the_workers(stack):
    stack.up("exporter")
    ask = "from urllib.request import urlopen; print(urlopen('http://exporter:9200/metrics').read().decode())"
    said = stack.compose("exec", "-T", "web", "python", "-c", ask)
    assert "photos_waiting 0.0" in said
    assert "celery_workers 3.0" in said
    assert "broker_memory_limit_bytes 2.68435456e+08" in said


def test_nothing_is_lost(stack):
    """Photos go through two workers, one of which dies; Redis starts again; workers come and go."""
    stack.upload(24)
    assert until(lambda: stack.resized(24) == 24, PATIENCE), stack.states(24)
    assert len(stack.resizers()) == 2, stack.resizers()

    stack.upload(24)
    stack.compose("exec", "-T", "--index", "1", "worker", "sh", "-c", "kill -9 -1", check=False)
    stack.upload(4)
    assert until(lambda: stack.resized(52) == 52, PATIENCE), stack.states(52)
    assert until(lambda: len(running(stack, "worker")) == 2, PATIENCE), "restart: always"

    stack.upload(12)
    stack.compose("restart", "redis")
    stack.up("--no-recreate", "--scale", "worker=2")
    stack.upload(4)
    assert until(lambda: stack.resized(68) == 68, PATIENCE), stack.states(68)

    site = [each["ID"] for each in stack.containers("web")]
    stack.up("--scale", "worker=4")
    assert len(running(stack, "worker")) == 4
    assert [each["ID"] for each in stack.containers("web")] == site, (
        "more workers, and the site started again"
    )
    stack.upload(24)
    stack.up("--scale", "worker=1")
    assert len(running(stack, "worker")) == 1
    assert until(lambda: stack.resized(92) == 92, PATIENCE), stack.states(92)


def test_compose_refuses_a_second_beat(stack):
    assert len(running(stack, "beat")) == 1
    stack.compose("up", "--detach", "--no-recreate", "--scale", "beat=2", check=False)
    assert len(running(stack, "beat")) == 1


def test_rabbitmq_takes_over(stack):
    count = len(stack.states(100))
    known = {name: stack.environment[name] for name in env_file.SECRETS}
    stack.environment |= {"COMPOSE_PROFILES": "rabbitmq"} | compose.for_profiles({"rabbitmq"}, known)
    stack.up("--scale", "worker=2")
    stack.upload(8)
    assert until(lambda: stack.resized(count + 8) == count + 8, PATIENCE), stack.states(count + 8)
    assert "amqp://photos:**@rabbitmq:5672" in stack.logs("worker")
    queues = stack.compose("exec", "-T", "rabbitmq", "rabbitmqctl", "--quiet", "list_queues", "name")
    assert "celery" in queues.splitlines()


def test_it_ends_within_its_time_and_with_it_all_containers(stack):
    stack.compose("stop", "worker", "slow", "beat", "web")
    for name in ("worker", "slow", "beat", "web"):
        for each in stack.containers(name):
            assert each["ExitCode"] == 0, f"{name}: killed, or ended with an error"
    stack.down()
    assert stack.compose("ps", "--all", "--quiet") == ""


def test_an_early_lesson_rests_where_it_has_no_process(stack):
    stack.down()
    early = Stack("03-images")
    early.environment["COMPOSE_PROJECT_NAME"] += "-03"
    try:
        early.up("web", "worker", "slow", "beat", "flower")
        assert "has no beat process. This container is idle." in early.logs("beat")
        early.upload(2)
        assert until(lambda: early.resized(2) == 2, PATIENCE), early.states(2)
        # Process 1 passes SIGTERM on, so an idle container exits at once instead of being killed.
        early.compose("stop", "beat", "slow", "flower")
        assert {each["ExitCode"] for each in early.containers("beat")} <= {0, 143}
    finally:
        early.down()


def test_photos_are_in_a_bucket(stack):
    """A site with photos on its volume gets a bucket. Its pages work, and ask the bucket for nothing."""
    stack.down()
    store = Stack()
    store.environment["COMPOSE_PROJECT_NAME"] += "-s3"
    try:
        store.up("--build", "web", "worker")
        store.upload(2)
        assert until(lambda: store.resized(2) == 2, PATIENCE), store.states(2)

        known = {name: store.environment[name] for name in (*env_file.SECRETS, "S3_PORT")}
        store.environment |= {"COMPOSE_PROFILES": "s3"} | compose.for_profiles({"s3"}, known)
        store.up("--build", "s3", "web", "worker")
        get = partial(httpx.get, trust_env=False, timeout=60)
        # Their files are not in the bucket, but a page needs only their rows.
        for path in ("/", "/photos/1/", "/photos/2/"):
            assert get(f"{store.address}{path}").status_code == 200, path
        store.upload(4)
        assert until(lambda: store.resized(6) == 6, PATIENCE), store.states(6)
        thumbnail = get(f"{store.address}/photos/states/?ids=6").json()["photos"][0]["thumbnail"]
        assert thumbnail.startswith(f"http://localhost:{store.ports['S3_PORT']}/photos/resized/")

        asked = store.requests("s3")
        for path in ("/", "/photos/6/", "/photos/1/"):
            page = get(f"{store.address}{path}")
            assert (page.status_code, "/photos/resized/" in page.text) == (200, True), path
        assert get(thumbnail).headers["Content-Type"] == "image/jpeg"
        # In the log, a request of the site would come before the request of the test.
        assert until(lambda: len(store.requests("s3")) > len(asked), 60)
        (last,) = store.requests("s3")[len(asked) :]
        assert last.startswith("GET /photos/resized/6/")
    finally:
        store.down()

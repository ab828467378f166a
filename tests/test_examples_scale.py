"""docs/examples/scale, kubernetes and rabbitmq: the files do what the guides say about them."""

import ast
import os
import re
import shutil
import sys

import httpx
import needs
import psutil
import pytest
import servers
import yaml
from projects import PATIENCE, Project, copy_of

from workshop import paths
from workshop.checkkit.photo_rows import RESIZED
from workshop.checkkit.worker import READY
from workshop.system.child import Child
from workshop.system.ports import free_port
from workshop.system.waiting import until

KUBERNETES = paths.DOCS / "examples/kubernetes"
QUEUES = paths.DOCS / "examples/scale/queues.py"
QUORUM = paths.DOCS / "examples/rabbitmq/quorum.py"
PROJECT = paths.SOLUTIONS / "05-beat"
FILL = f"""
from datetime import timedelta
from django.utils import timezone
from images.models import UploadedImage
from images.tasks import export_zip_task, resize_image_task
from upkeep.tasks import sweep_task
for priority in (None, 3, 9, 4):
    resize_image_task.apply_async((1,), priority=priority)
export_zip_task.delay([1])
sweep_task.delay()
ago = timezone.now() - timedelta(seconds=100)
earlier = ago - timedelta(seconds=900)
UploadedImage.objects.create(image="a.jpg", width=1, height=1, queued_at=earlier, **{RESIZED})
UploadedImage.objects.create(image="b.jpg", width=1, height=1, queued_at=ago + timedelta(seconds=10))
UploadedImage.objects.create(image="c.jpg", width=1, height=1)
"""
LOST = """
from datetime import timedelta
from django.utils import timezone
from images.models import UploadedImage
now = timezone.now()
photo = UploadedImage.objects.create(image="a.jpg", width=1, height=1, queued_at=now - timedelta(seconds=700))
UploadedImage.objects.update(uploaded_at=now - timedelta(days=3))
"""
RE_SENT = "from upkeep.sweeping import sweep; assert sweep() == (1, 0)"
TRIED_AGAIN = """
from images.models import UploadedImage
from images.queueing import retry
UploadedImage.objects.update(failure_reason="It took too long.")
assert len(retry(UploadedImage.objects.all())) == 1
"""
TAKE = """
import sys
from celery import current_app
with current_app.connection_for_read() as connection:
    connection.default_channel.basic_get("celery")
    print("taken", flush=True)
    sys.stdin.read()
"""

SEND_UNTIL_REFUSED = """
from django.conf import settings
from images.tasks import resize_image_task
from kombu.exceptions import OperationalError
print(*sorted(settings.CELERY_BROKER_TRANSPORT_OPTIONS))
try:
    for image_id in range(100):
        resize_image_task.delay(image_id)
    print("all sent")
except OperationalError:
    print("refused")
"""


@pytest.fixture
def project(solution, broker):
    """The finished project with a database and a broker."""
    return solution("05-beat", REDIS_URL=broker.url)


def queues(project, **environment):
    *counts, oldest = project.run(QUEUES, **environment).splitlines()
    seconds = int(re.fullmatch(r"oldest photo: (\d+) s", oldest)[1])
    return counts, seconds


def test_queues_on_redis(project):
    """Messages of all priorities are counted, and those that a worker has taken are counted separately."""
    assert queues(project) == (
        ["celery: 0 waiting, 0 taken", "slow: 0 waiting, 0 taken", "upkeep: 0 waiting, 0 taken"],
        0,
    )
    project.shell(FILL)
    counts, seconds = queues(project)
    assert counts == ["celery: 4 waiting, 0 taken", "slow: 1 waiting, 0 taken", "upkeep: 1 waiting, 0 taken"]
    assert 90 <= seconds < 900, "the age of the waiting photo: an older one is done, another was never sent"
    take = [sys.executable, "manage.py", "shell", "-v0", "-c", TAKE]
    with Child(take, folder=PROJECT, environment=project.environment, leash=True) as held:
        assert held.wait_for("taken", PATIENCE), held.output
        assert queues(project)[0] == [
            "celery: 3 waiting, 1 taken",
            "slow: 1 waiting, 0 taken",
            "upkeep: 1 waiting, 0 taken",
        ]


@pytest.mark.parametrize(
    ("script", "call", "pattern"),
    [
        ("scale/queues.py", "", r"oldest photo: (\d+) s"),
        ("deploy/watch.py", "", r"the oldest for (\d+) seconds"),
        ("monitoring/exporter.py", "print(*Photos().collect())", r"oldest_waiting_seconds.*?value=(\d+)"),
    ],
)
def test_the_oldest_photo_is_as_old_as_its_wait(project, script, call, pattern):
    """A re-sent photo has waited since its first message, and a photo that was tried again since then."""
    code = (paths.DOCS / "examples" / script).read_text(encoding="utf-8").partition("if __name__")[0]

    def seconds():
        return int(re.search(pattern, project.shell(code + call), re.S)[1])

    project.shell(LOST)
    project.shell(RE_SENT)
    assert 600 <= seconds() < 600 + PATIENCE
    project.shell(TRIED_AGAIN)
    assert seconds() < PATIENCE


def test_queues_on_rabbitmq(project):
    with servers.rabbitmq() as url:
        project.environment["CELERY_BROKER_URL"] = url
        assert "no queue 'celery'" in project.run(QUEUES, fails=True), "no worker has declared it yet"
        project.shell(FILL)
        assert queues(project)[0] == ["celery: 4 waiting", "slow: 1 waiting", "upkeep: 1 waiting"]


@pytest.fixture
def quorum(tmp_path, broker):
    """A copy of the finished project with the settings for quorum queues."""
    folder = copy_of(PROJECT, tmp_path / "app")
    shutil.copy(QUORUM, folder / "myproject")
    settings = {"DJANGO_SETTINGS_MODULE": "myproject.quorum", "REDIS_URL": broker.url}
    return Project(folder, tmp_path, **settings)


def refused(quorum, rabbitmq):
    """Send messages until RabbitMQ refuses one. Returns True if that raises the exception of the view."""
    options, said = quorum.shell(SEND_UNTIL_REFUSED, CELERY_BROKER_URL=rabbitmq).splitlines()
    assert options == "confirm_publish read_timeout socket_connect_timeout socket_timeout"
    return said == "refused"


def test_a_message_that_rabbitmq_refuses_is_an_exception(quorum):
    """A full quorum queue refuses it, the view catches the exception, and the project keeps its timeouts."""
    full = {"pattern": "^celery$", "definition": {"max-length": 1, "overflow": "reject-publish"}}
    with servers.rabbitmq() as url:
        httpx.put(f"{os.environ['WORKSHOP_RABBITMQ_API']}/policies/%2F/full", json=full).raise_for_status()
        assert refused(quorum, url)


def test_a_rabbitmq_without_memory_is_the_same_exception(quorum):
    """RabbitMQ then stops reading, but the sender doesn't wait forever."""
    with servers.rabbitmq("vm_memory_high_watermark.absolute = 1MB") as url:
        assert refused(quorum, url)


def test_the_file_is_touched_by_a_worker_that_is_busy(project, tmp_path):
    """The only pool process is suspended and has four tasks, but the main process still touches the file.

    When the worker exits, it removes the file.
    """
    shutil.copy(KUBERNETES / "alive.py", tmp_path)
    file = tmp_path / "alive"
    project.environment |= {"ALIVE_FILE": str(file), "PYTHONPATH": str(tmp_path)}
    with project.celery("worker", "-l", "INFO", "-c", "1", "-I", "alive") as worker:
        assert until(lambda: READY in worker.output and file.exists(), PATIENCE), worker.output
        child = psutil.Process(worker.pid).children()[0]
        child.suspend()
        project.shell(FILL)
        assert until(lambda: worker.output.count(" received") == 4, PATIENCE), worker.output
        before = file.stat().st_mtime_ns
        assert until(lambda: file.stat().st_mtime_ns > before, PATIENCE), "not touched any more"
        child.resume()
        worker.terminate()
        assert worker.wait(PATIENCE) == 0
        assert not file.exists()


def objects():
    return yaml.safe_load((KUBERNETES / "photos.yaml").read_text())["items"]


def pods():
    """Return {role: (object, the pod's spec, its container)}."""
    found = {}
    for each in objects():
        if each["kind"] in ("Deployment", "Job"):
            spec = each["spec"]["template"]["spec"]
            (container,) = spec["containers"]
            found[container["name"]] = each, spec, container
    return found


def test_kubernetes_schema():
    needs.tool("kubernetes-validate")
    import kubernetes_validate as validate  # 108 MB that the workshop does not install for its learners

    for each in objects():
        validate.validate(each, "1.37", strict=True)


def test_roles_are_those_of_the_image():
    script = (paths.ROOT / "docker/run").read_text()
    for role, (each, _, container) in pods().items():
        assert container["args"] == [role]
        assert each["metadata"]["name"] == role
        assert re.search(rf"^    .*\b{role}\b.*\)$", script, re.M), role
        assert container["image"].partition(":")[0].endswith("/photos-workshop"), (
            "as docker-compose.yml names it"
        )
    assert set(pods()) == {"web", "worker", "slow", "beat", "migrate"}
    assert "useradd --system --uid 10001" in (paths.ROOT / "Dockerfile").read_text()


def test_selectors_find_their_pods():
    for each in objects():
        if each["kind"] == "Deployment":
            assert each["spec"]["selector"]["matchLabels"] == each["spec"]["template"]["metadata"]["labels"]
    (service,) = (each for each in objects() if each["kind"] == "Service")
    assert service["spec"]["selector"] == pods()["web"][0]["spec"]["template"]["metadata"]["labels"]


def test_the_first_step_needs_nothing_of_the_second():
    """`kubectl apply --selector step=first` makes the Job, and what its container takes variables from."""
    first = {
        (each["kind"], each["metadata"]["name"])
        for each in objects()
        if each["metadata"].get("labels", {}).get("step") == "first"
    }
    (variables,) = (
        each["configMapRef"]["name"] for each in pods()["migrate"][2]["envFrom"] if "configMapRef" in each
    )
    assert first == {("Job", "migrate"), ("ConfigMap", variables)}
    assert "persistentVolumeClaim" not in str(pods()["migrate"][1])


def test_the_second_step_is_the_workers_and_what_they_mount():
    second = {
        (each["kind"], each["metadata"]["name"])
        for each in objects()
        if each["metadata"].get("labels", {}).get("step") == "second"
    }
    claims = set(re.findall(r"'claimName': '(\w+)'", str([pods()[role][1] for role in ("worker", "slow")])))
    workers = {("Deployment", "worker"), ("Deployment", "slow")}
    assert second == workers | {("PersistentVolumeClaim", name) for name in claims}
    assert claims == {"backups"}


def test_beat_remembers_what_it_has_sent():
    """CELERY_BEAT_SCHEDULE_FILENAME is in DATA_DIR."""
    _, pod, _ = pods()["beat"]
    data = next(volume for volume in pod["volumes"] if volume["name"] == "data")
    assert "persistentVolumeClaim" in data


def test_one_beat():
    beat = pods()["beat"][0]["spec"]
    assert (beat["replicas"], beat["strategy"]) == (1, {"type": "Recreate"})


def limits():
    """{queue: the longest time_limit of its tasks}, as the finished project has them."""
    settings = (PROJECT / "myproject/settings.py").read_text()
    routes = ast.literal_eval(re.search(r"^CELERY_TASK_ROUTES = (\{.+?^\})", settings, re.M | re.S)[1])
    default = int(re.search(r"^CELERY_TASK_TIME_LIMIT = (\d+)", settings, re.M)[1])
    longest = dict.fromkeys(("celery", "slow", "upkeep"), default)
    for app in ("images", "upkeep"):
        for node in ast.parse((PROJECT / app / "tasks.py").read_text()).body:
            if not isinstance(node, ast.FunctionDef):
                continue
            options = [kw for each in node.decorator_list for kw in getattr(each, "keywords", [])]
            seconds = [kw.value.value for kw in options if kw.arg == "time_limit"]
            queue = routes.get(f"{app}.tasks.{node.name}", {}).get("queue", "celery")
            longest[queue] = max(longest[queue], *seconds, 0)
    return longest


def test_no_task_is_killed_when_a_pod_stops():
    found = {role: spec["terminationGracePeriodSeconds"] for role, (_, spec, _) in pods().items()}
    assert limits() == {"celery": 300, "slow": 1800, "upkeep": 300}
    assert found["worker"] > max(limits()["celery"], limits()["upkeep"])
    assert found["slow"] > max(limits()["slow"], limits()["upkeep"])
    before = int(pods()["web"][2]["lifecycle"]["preStop"]["exec"]["command"][1])
    gunicorn = (paths.ROOT / "docker/gunicorn.conf.py").read_text()
    assert found["web"] > before + int(re.search(r"graceful_timeout = (\d+)", gunicorn)[1])


def test_only_web_is_asked_whether_it_lives():
    assert [role for role, (_, _, container) in pods().items() if "livenessProbe" in container] == ["web"]
    for role in ("worker", "slow"):
        command = pods()[role][2]["startupProbe"]["exec"]["command"]
        assert command == ["python", "/srv/workshop/docker/health.py", "worker"]
    assert all("memory" in container["resources"]["limits"] for _, _, container in pods().values())


def test_keda_scales_what_there_is():
    scaled = yaml.safe_load((KUBERNETES / "keda.yaml").read_text())["spec"]
    worker, _, container = pods()["worker"]
    assert scaled["scaleTargetRef"]["name"] == worker["metadata"]["name"]
    assert "replicas" not in worker["spec"], "kubectl apply would set back what KEDA has set"
    assert scaled["minReplicaCount"] >= 1
    (trigger,) = scaled["triggers"]
    assert trigger["metadata"]["listName"] == "celery"
    assert trigger["metadata"]["passwordFromEnv"] in [each["name"] for each in container["env"]]


@pytest.fixture
def web(project):
    """gunicorn as in the container, with the variables of the example. Yields its address and database."""
    (settings,) = (each["data"] for each in objects() if each["kind"] == "ConfigMap")
    project.environment |= {name: value for name, value in settings.items() if not name.startswith("AWS")}
    docker = paths.ROOT / "docker"
    project.environment |= {
        "DATA_DIR": str(project.data),
        "SECRET_KEY": "for this test",
        "DJANGO_SETTINGS_MODULE": "container_settings",
        "PYTHONPATH": f"{docker}:{paths.SOURCES}",
    }
    port = free_port()
    command = ["gunicorn", "myproject.wsgi", "-c", docker / "gunicorn.conf.py", "-b", f"127.0.0.1:{port}"]
    with project.start("-m", *command) as site:
        assert site.wait_for("Listening at", PATIENCE), site.output
        yield f"http://127.0.0.1:{port}", project.data / "db.sqlite3"


def test_probes_of_web(web):
    """Like the kubelet, the test asks from another address, and also while the database is gone."""
    address, database = web
    container = pods()["web"][2]
    transport = httpx.HTTPTransport(local_address="127.0.0.2")
    with httpx.Client(base_url=address, transport=transport, timeout=60) as kubelet:

        def asked(probe):
            get = container[probe]["httpGet"]
            headers = {each["name"]: each["value"] for each in get["httpHeaders"]}
            return kubelet.get(get["path"], headers=headers).status_code

        assert kubelet.get("/", headers={"Host": "localhost"}).status_code == 301, "to https"
        assert asked("readinessProbe") == 200
        assert asked("livenessProbe") == 200
        database.unlink()
        assert asked("readinessProbe") == 500
        assert asked("livenessProbe") == 200

"""docs/examples/monitoring: the exporter, the alarms, the dashboard, and a real Prometheus on the site."""

import contextlib
import json
import math
import re
import shutil
import subprocess
import sys
from pathlib import PurePosixPath

import httpx
import pytest
import servers
import yaml
from needs import tool
from prometheus_monitor import FILES, monitored

from workshop import paths
from workshop.photos import samples
from workshop.photos.visitor import Visitor
from workshop.runtime.solution_site import running
from workshop.system.child import Child
from workshop.system.environment import inherited
from workshop.system.ports import free_port
from workshop.system.waiting import until

SERVICES = yaml.safe_load((paths.ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
DASHBOARD = json.loads((FILES / "grafana/photos.json").read_text(encoding="utf-8"))
PANELS = {panel["title"]: panel for panel in DASHBOARD["panels"]}
EXPRESSIONS = [target["expr"] for panel in PANELS.values() for target in panel["targets"]]


@pytest.fixture
def prometheus():
    tool("Prometheus")


def read(name):
    return yaml.safe_load((FILES / name).read_text(encoding="utf-8"))


def mounted(service):
    """The files of the repository that a container of the service has: {path in the container: file}."""
    found = {}
    for volume in SERVICES[service]["volumes"]:
        source, target, *mode = volume.split(":")
        if source.startswith("./"):
            assert mode == ["ro"], volume
            found[PurePosixPath(target)] = paths.ROOT / source
    return found


def promtool(folder, *arguments):
    done = subprocess.run(["promtool", *arguments], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.usefixtures("prometheus")
@pytest.mark.parametrize(
    "arguments",
    [("check", "config", "prometheus.yml"), ("test", "rules", "alarms_test.yml")],
    ids=["configuration", "alarms"],
)
def test_promtool_accepts_it(arguments):
    promtool(FILES, *arguments)


@pytest.mark.usefixtures("prometheus")
def test_promtool_accepts_the_files_of_the_container(tmp_path):
    files = mounted("prometheus")
    for target, source in files.items():
        file = tmp_path / target.relative_to("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, file)
    (option,) = [each for each in SERVICES["prometheus"]["command"] if each.startswith("--config.file=")]
    config = PurePosixPath(option.partition("=")[2])
    said = promtool(tmp_path, "check", "config", str(config.relative_to("/")))
    assert "5 rules found" in said


def test_prometheus_in_a_container_asks_the_same_jobs():
    """The two configurations differ only in where the targets are, and the targets are services."""
    ours, theirs = read("prometheus.yml"), read("prometheus-compose.yml")
    for config, port in ((ours, r"localhost:\d+"), (theirs, r"(exporter|flower):\d+")):
        for job in config["scrape_configs"]:
            (where,) = job.pop("static_configs")
            assert all(re.fullmatch(port, target) for target in where["targets"]), where
    assert ours == theirs
    published = SERVICES["flower"]["ports"][0].rpartition(":")[2]
    said = (FILES / "prometheus-compose.yml").read_text(encoding="utf-8")
    assert f"flower:{published}" in said
    started = re.search(r"exporter\.py\" (\d+) 0\.0\.0\.0", (paths.ROOT / "docker/run").read_text())
    assert f"exporter:{started[1]}" in said


def test_grafana_finds_its_files():
    files = mounted("grafana")
    (source,) = read("grafana/datasource.yml")["datasources"]
    (provider,) = read("grafana/dashboards.yml")["providers"]
    home = PurePosixPath(SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert files[home.parent] / home.name == FILES / "grafana/photos.json"
    assert str(home.parent) == provider["options"]["path"]
    provisioning = {path.parent.name: file for path, file in files.items() if path.parts[3] == "provisioning"}
    assert provisioning == {
        "datasources": FILES / "grafana/datasource.yml",
        "dashboards": FILES / "grafana/dashboards.yml",
    }
    assert source["url"] == "http://prometheus:9090"
    uids = {each["datasource"]["uid"] for panel in PANELS.values() for each in (panel, *panel["targets"])}
    assert uids == {source["uid"]}


def test_the_dashboard_is_sound():
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids) == len(PANELS)
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in PANELS.values()]
    assert len(set(places)) == len(places)
    units = {title: panel["fieldConfig"]["defaults"]["unit"] for title, panel in PANELS.items()}
    assert units == {
        "Oldest waiting photo": "s",
        "Failed photos": "percentunit",
        "Workers that answer": "short",
        "Broker memory": "bytes",
        "Messages in the queues": "short",
        "Alarms that are firing": "short",
    }


def test_the_dashboard_shows_the_figure_of_each_alarm():
    metric = re.compile(r"\b(?:photos|celery|broker)_\w+")
    shown = set(metric.findall(" ".join(EXPRESSIONS)))
    (group,) = read("alarms.yml")["groups"]
    alarms = {rule["alert"]: set(metric.findall(rule["expr"])) for rule in group["rules"]}
    del alarms["NothingToLookAt"]  # then the dashboard has nothing to show either
    assert len(alarms) == 4
    for name, metrics in alarms.items():
        assert metrics <= shown, name
        told = [panel for panel in PANELS.values() if name in panel["description"]]
        assert len(told) == 1, f"{name} is in the description of one panel"


@pytest.mark.usefixtures("prometheus")
def test_prometheus_sees_a_missing_worker_and_a_broker_that_is_down(tmp_path):
    with running("05-beat", without={"beat", "flower", "slow"}) as site, monitored(site, tmp_path) as monitor:
        assert until(lambda: monitor.alarms() == {"WorkerMissing"}, 120), monitor.alarms()
        with Visitor(site.address) as visitor:
            assert visitor.upload("garden.jpg", samples.photo(800, 600)).refusal is None
        assert until(lambda: monitor.value("photos_uploaded_last_hour") == 1, 60)
        assert until(lambda: monitor.value("photos_waiting") == 0, 60)
        assert set(monitor.query("celery_queue_messages")) == {"celery", "slow", "upkeep"}
        assert monitor.value("celery_workers") == 1
        assert monitor.value("broker_memory_bytes") > 0
        for expression in EXPRESSIONS:
            values = monitor.query(expression).values()
            assert values, expression
            assert not any(map(math.isnan, values)), expression

        site.end_broker()
        assert until(lambda: "NothingToLookAt" in monitor.alarms(), 120), monitor.alarms()


def test_the_exporter_counts_workers_with_rabbitmq_too(tmp_path):
    """It doesn't know RabbitMQ's memory, but still exports all other metrics."""
    tool("RabbitMQ")
    port = free_port()
    command = [sys.executable, str(FILES / "exporter.py"), str(port)]
    with contextlib.ExitStack() as stack:
        url = stack.enter_context(servers.rabbitmq())
        without, variables = {"beat", "flower", "slow"}, {"CELERY_BROKER_URL": url}
        site = stack.enter_context(running("05-beat", without=without, variables=variables))
        variables = inherited() | site.environment
        exporter = stack.enter_context(Child(command, folder=site.project.folder, environment=variables))
        assert exporter.wait_for("Metrics on", 60), exporter.output
        answer = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=60, trust_env=False)
        assert answer.status_code == 200, exporter.output
    assert "broker_up 1.0" in answer.text
    assert "celery_workers 1.0" in answer.text
    assert 'celery_queue_messages{queue="celery"} 0.0' in answer.text
    assert "broker_memory" not in answer.text

"""docs/examples/monitoring: the exporter, the alarms, and a real Prometheus that watches the site."""

import subprocess

import pytest
from monitored import FILES, monitored
from needs import tool

from workshop.photos import samples
from workshop.photos.visitor import Visitor
from workshop.runtime.solution_site import running
from workshop.system.waiting import until


@pytest.fixture(autouse=True)
def prometheus():
    tool("Prometheus")


@pytest.mark.parametrize(
    "arguments",
    [("check", "config", "prometheus.yml"), ("test", "rules", "alarms_test.yml")],
    ids=["configuration", "alarms"],
)
def test_promtool_accepts_it(arguments):
    done = subprocess.run(["promtool", *arguments], cwd=FILES, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


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

        site.end_broker()
        assert until(lambda: "NothingToLookAt" in monitor.alarms(), 120), monitor.alarms()

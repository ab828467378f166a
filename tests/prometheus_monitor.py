"""A real Prometheus with the exporter and the alarms of docs/examples/monitoring, next to a photo site."""

import contextlib
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx

from workshop.paths import ROOT
from workshop.runtime.solution_site import Site
from workshop.system.child import Child
from workshop.system.ports import free_port
from workshop.system.waiting import until

FILES = ROOT / "docs/examples/monitoring"


class Monitor:
    """Prometheus and the exporter, each on a free port."""

    def __init__(self, site: Site, folder: Path) -> None:
        self.site, self.folder = site, folder
        self.port, self.exporter_port = free_port(), free_port()
        self.address = f"http://127.0.0.1:{self.port}"

    def commands(self) -> list[list[str]]:
        """Write the configuration and return what to start.

        Scrapes are five seconds apart, because an exporter waits a second for the workers' answers.
        """
        text = (
            (FILES / "prometheus.yml")
            .read_text()
            .replace("localhost:9200", f"localhost:{self.exporter_port}")
        )
        flower = self.site.flower_address or "http://localhost:1"
        text = text.replace("localhost:5555", flower.removeprefix("http://"))
        text = re.sub(r"(_interval|_timeout): \d+s", r"\1: 5s", text)
        self.folder.joinpath("prometheus.yml").write_text(text)
        alarms = re.sub(r"for: \d+m", "for: 1s", (FILES / "alarms.yml").read_text())
        self.folder.joinpath("alarms.yml").write_text(alarms)
        prometheus = ["prometheus", f"--config.file={self.folder}/prometheus.yml"]
        prometheus += [
            f"--storage.tsdb.path={self.folder}/data",
            f"--web.listen-address=127.0.0.1:{self.port}",
        ]
        return [[sys.executable, str(FILES / "exporter.py"), str(self.exporter_port)], prometheus]

    def _get(self, path: str, **parameters: str) -> dict:
        answer = httpx.get(f"{self.address}/api/v1/{path}", params=parameters, timeout=60, trust_env=False)
        return answer.raise_for_status().json()

    def query(self, expression: str) -> dict[str, float]:
        """Return {queue: value} of an expression. The key is "" for a metric without this label."""
        answer = self._get("query", query=expression)
        return {each["metric"].get("queue", ""): float(each["value"][1]) for each in answer["data"]["result"]}

    def value(self, name: str) -> float | None:
        """Return the value of a metric without labels, or None."""
        return next(iter(self.query(name).values()), None)

    def alarms(self) -> set[str]:
        """Return the names of the alarms that are firing."""
        answer = self._get("alerts")
        return {each["labels"]["alertname"] for each in answer["data"]["alerts"] if each["state"] == "firing"}


@contextlib.contextmanager
def monitored(site: Site, folder: Path) -> Iterator[Monitor]:
    """Watch a running site for as long as the block lasts."""
    monitor = Monitor(site, folder)
    environment = os.environ | site.environment
    log = folder / "monitor.log"
    with contextlib.ExitStack() as stack:
        for command in monitor.commands():
            child = Child(command, folder=site.project.folder, environment=environment, log=log, append=True)
            stack.enter_context(child)
        assert until(lambda: answers(monitor), 60), log.read_text()
        yield monitor


def answers(monitor: Monitor) -> bool:
    """Prometheus has scraped the exporter."""
    try:
        return monitor.value('up{job="photos"}') == 1
    except httpx.HTTPError:  # it is starting
        return False

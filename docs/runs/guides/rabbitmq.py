"""Record docs/runs/guides/rabbitmq-*.txt: run solutions/05-beat with a real RabbitMQ as its broker.

    ./workshop dev runs guides/rabbitmq-killed

The script starts the installed RabbitMQ server: rabbitmq-waiting.txt was recorded with version 4.3.6, the
other files with 3.10.8. The workshop's own Redis server stores results and locks. The argument is the part
to record: same, killed, down, quorum, waiting, timeout, flower or check.
"""

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

import httpx
from servers import rabbitmq

from workshop import paths
from workshop.photos import samples
from workshop.runtime.broker import Broker
from workshop.system.child import Child
from workshop.system.ports import free_port
from workshop.system.waiting import until

OUT = Path(__file__).parent
SHOWN = "amqp://guest:guest@localhost:5672//"


class Site:
    """A copy of solutions/05-beat with its processes. `settings` is the settings module to use."""

    def __init__(self, redis_url: str, amqp: str | None, settings: str = "myproject.settings"):
        self.folder = Path(tempfile.mkdtemp(prefix="photos-"))
        ignored = shutil.ignore_patterns("data", "__pycache__")
        shutil.copytree(paths.ROOT / "solutions/05-beat", self.folder / "app", ignore=ignored)
        shutil.copy(paths.ROOT / "docs/examples/rabbitmq/quorum.py", self.folder / "app/myproject")
        (self.folder / "data").mkdir()
        self.environment = os.environ | {
            "DATA_DIR": str(self.folder / "data"),
            "REDIS_URL": redis_url,
            "DJANGO_SETTINGS_MODULE": settings,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        }
        if amqp:
            self.environment["CELERY_BROKER_URL"] = amqp
        self.processes = []
        self.run("python manage.py migrate -v 0")

    def start(self, *options: str, name: str = "worker", ready: str | None = " ready.", **environment):
        process = Child(
            ["celery", "-A", "myproject", *options],
            folder=self.folder / "app",
            environment=self.environment | environment,
            log=self.folder / f"{name}-{len(self.processes)}.log",
        )
        self.processes.append(process)
        if ready:
            assert process.wait_for(ready, 40), process.output
        return process

    def worker(self, *options: str):
        return self.start("worker", "--loglevel", "INFO", "--concurrency", "2", *options)

    def kill(self, process) -> None:
        process.kill()

    def run(self, command: str) -> str:
        run = subprocess.run(
            command,
            shell=True,
            cwd=self.folder / "app",
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=200,
        )
        return (run.stdout + run.stderr).rstrip()

    def python(self, code: str) -> str:
        return self.run(f"python manage.py shell -v 0 -c '{code}'")

    def end(self) -> None:
        for process in self.processes:
            if process.running:
                self.kill(process)
        shutil.rmtree(self.folder, ignore_errors=True)

    def photo(self) -> None:
        """Save a photo in the database and send its task, as the view does."""
        file = self.folder / "photo.jpg"
        file.write_bytes(samples.photo(1200, 900))
        print(
            self.python(
                "from django.core.files import File; from images.queueing import enqueue; "
                f'photo = UploadedImage.objects.create(image=File(open("{file}", "rb"), "photo.jpg")); '
                "enqueue([photo])"
            )
        )


def tidy(text: str) -> str:
    """Return a log as a page shows it, without ids, dates and this machine's host name and addresses."""
    text = re.sub(r"\[[\d-]+ (\d\d:\d\d:\d\d),\d+: (\w+)/[\w-]+\]", r"[\1 \2]", text)
    text = re.sub(r"\[[0-9a-f]{8}-[0-9a-f-]{27}\]", "[…]", text)
    text = re.sub(r"@" + socket.gethostname() + r"\b", "@photos", text)
    return text.replace(AMQP, SHOWN).replace(AMQP.split("@")[1].rstrip("/"), "localhost:5672")


def write(name: str, text: str) -> None:
    text = tidy(text).rstrip() + "\n"
    (OUT / f"rabbitmq-{name}.txt").write_text(text, encoding="utf-8")
    print(f"== {name}\n{text}", flush=True)


def ctl(command: str) -> str:
    """Run a command of rabbitmqctl. Returns the command, as the guide shows it, and its output."""
    real = f"{os.environ['WORKSHOP_RABBITMQCTL']} -q {command}"
    run = subprocess.run(real, shell=True, capture_output=True, text=True, check=False)
    return f"$ rabbitmqctl -q {command}\n{(run.stdout + run.stderr).rstrip()}"


def queues() -> str:
    return ctl("list_queues name type messages_ready messages_unacknowledged consumers")


def empty() -> None:
    for command in ("stop_app", "reset", "start_app", "await_startup"):
        ctl(command)


def same(redis_url: str) -> None:
    site = Site(redis_url, AMQP)
    quick = site.worker("--queues", "celery", "--hostname", "quick@%h")
    slow = site.worker("--queues", "slow", "--hostname", "slow@%h", "--disable-prefetch")
    banner = [
        line for line in quick.log.read_text().splitlines() if "transport:" in line or "results:" in line
    ]
    port = redis_url.split(":")[2].split("/")[0]
    banner = "\n".join(banner).replace(port, "6379")
    site.photo()
    assert until(lambda: "succeeded" in quick.log.read_text(), 40), quick.log.read_text()
    done = [
        line for line in quick.log.read_text().splitlines() if "resize_image_task" in line and "[2" in line
    ]
    write("banner", f"$ CELERY_BROKER_URL={SHOWN} celery -A myproject worker …\n{banner}\n" + "\n".join(done))
    warned = [line for line in slow.log.read_text().splitlines() if "prefetch" in line and "[2" in line]
    write("prefetch", "$ celery -A myproject worker --queues slow --disable-prefetch …\n" + "\n".join(warned))
    write("workers", "$ python manage.py workers\n" + site.run("python manage.py workers"))
    result = site.python(
        "from images.tasks import describe_photo_task; print(describe_photo_task.delay(1).get(timeout=20))"
    )
    print(result)
    site.kill(quick)
    print(site.python("from images.tasks import describe_photo_task as t; [t.delay(1) for _ in range(3)]"))
    write("queues", queues())
    site.end()


def killed(redis_url: str) -> None:
    said = []
    for name, amqp in (("Redis", None), ("RabbitMQ", AMQP)):
        site = Site(redis_url, amqp)
        first = site.worker("--queues", "celery", "--hostname", "first@%h")
        site.run("python manage.py storage slow 20")
        site.photo()
        until(lambda log=first.log: "received" in log.read_text(), 20)
        time.sleep(1)
        second = site.worker("--queues", "celery", "--hostname", "second@%h")
        site.run("python manage.py storage ok")
        site.kill(first)
        began = time.monotonic()
        came = until(lambda log=second.log: "resize_image_task" in log.read_text().split("ready.")[1], 60)
        seconds = time.monotonic() - began
        said.append(
            f"{name + ':':<10}" + (f"received again after {seconds:.2f} s" if came else "nothing within 60 s")
        )
        if amqp:
            until(lambda log=second.log: "succeeded" in log.read_text(), 40)
        site.end()
    write("killed", "$ ./workshop dev runs guides/rabbitmq-killed\n" + "\n".join(said))


TIMED = """
import time
from images.tasks import resize_image_task, describe_photo_task
for task in (resize_image_task, describe_photo_task):
    started = time.perf_counter()
    try:
        task.delay(1)
        said = "sent"
    except Exception as error:
        said = f"{type(error).__module__}.{type(error).__name__}: {error}"
    print(f"{task.__name__:<20} {time.perf_counter() - started:5.1f} s  {said}")
"""


def down(redis_url: str) -> None:
    def ask(amqp: str, **more: str) -> str:
        site = Site(redis_url, amqp)
        (site.folder / "ask.py").write_text(TIMED)
        site.environment |= more
        said = site.run(f"python manage.py shell -v 0 < {site.folder}/ask.py")
        site.end()
        return said.replace(amqp.split(":")[-1].rstrip("/"), "5672")

    refused = ask(f"amqp://guest:guest@127.0.0.1:{free_port()}//")
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(50)
        mute = ask(f"amqp://guest:guest@127.0.0.1:{silent.getsockname()[1]}//")
    write(
        "down",
        f"$ python manage.py shell -v 0 < send.py     # no server is listening\n{refused}\n"
        f"$ python manage.py shell -v 0 < send.py     # the server never responds\n{mute}",
    )


def quorum(redis_url: str) -> None:
    classic = Site(redis_url, AMQP)
    classic.worker("--queues", "celery,slow")
    classic.end()
    site = Site(redis_url, AMQP, "myproject.quorum")
    process = site.start("worker", "--loglevel", "INFO", ready=None)
    until(lambda: "PRECONDITION" in process.output or not process.running, 20)
    time.sleep(1)
    lines = [line for line in process.output.splitlines() if "PRECONDITION" in line]
    write(
        "precondition",
        "$ DJANGO_SETTINGS_MODULE=myproject.quorum celery -A myproject worker\n"
        + textwrap.fill(lines[-1], 110),
    )
    site.kill(process)
    empty()
    process = site.worker("--queues", "celery,slow")
    site.python("from myproject.celery import debug_task; debug_task.apply_async(countdown=100)")
    time.sleep(1)
    held = site.run("celery -A myproject inspect scheduled")
    lines = [each for each in queues().splitlines() if not re.search(r"delayed.*\t0\t0\t", each)]
    write("delayed", "\n".join(lines) + "\n$ celery -A myproject inspect scheduled\n" + held)
    site.photo()
    print(until(lambda: "succeeded" in process.output, 30))
    print(process.output[-3000:])
    site.end()
    empty()


FOUR_EMAILS = """
from datetime import date
from upkeep.models import Delivery
from upkeep.tasks import mail_task
for day in range(1, 5):
    delivery = Delivery.objects.create(day=date(2026, 3, day), email="anna@example.com")
    mail_task.delay([delivery.pk])
"""


def waiting(redis_url: str) -> None:
    """Four emails wait for their retries, and then tidy_task is sent to the same worker."""
    said = [ctl("version")]
    for settings, variable in (("settings", ""), ("quorum", "DJANGO_SETTINGS_MODULE=myproject.quorum ")):
        site = Site(redis_url, AMQP, f"myproject.{settings}")
        site.run("python manage.py mail down")
        options = ("--concurrency", "1", "--queues", "slow,upkeep", "--hostname", "slow@%h")
        worker = site.start("worker", "--loglevel", "INFO", *options)
        (site.folder / "send.py").write_text(FOUR_EMAILS)
        site.run(f"python manage.py shell -v 0 < {site.folder}/send.py")
        assert until(lambda log=worker.log: log.read_text().count("Retry in 60s") == 4, 40), worker.output
        site.python("from upkeep.tasks import tidy_task; tidy_task.delay()")
        until(lambda log=worker.log: "tidy_task" in log.read_text().split("ready.")[1], 20)
        time.sleep(1)
        shown = [each for each in queues().splitlines() if re.search(r"^\$|^name|slow\t|\t4\t0\t0", each)]
        lines = [
            line for line in worker.output.splitlines() if re.match(r"\[2.*Task upkeep.tasks.tidy_task", line)
        ]
        said += [f"$ {variable}celery -A myproject worker --concurrency 1 --queues slow,upkeep …", *shown]
        said += lines or ["(after 20 seconds, the worker has not received tidy_task)"]
        site.end()
        empty()
    write("waiting", "\n".join(said))


def timeout(redis_url: str) -> None:
    empty()
    ctl("eval 'application:set_env(rabbit, consumer_timeout, 5000).'")
    site = Site(redis_url, AMQP)
    process = site.worker("--queues", "celery")
    # With a countdown, the message stays unacknowledged for two minutes.
    site.python("from myproject.celery import debug_task; debug_task.apply_async(countdown=130)")
    began = time.monotonic()
    until(lambda: "PRECONDITION" in process.output or not process.running, 125)
    print(f"after {time.monotonic() - began:.0f} s, ended: {process.exit_code}")
    until(lambda: not process.running, 30)
    text = process.output
    lines = [line for line in text.splitlines() if re.match(r"\[2.*(ready|received|CRIT|PRECOND)", line)]
    shown = "\n".join(textwrap.fill(tidy(line), 110) for line in lines)
    ended = f"\n(the worker has exited with code {process.exit_code})" if not process.running else ""
    write("timeout", f"$ celery -A myproject worker …\n{shown}{ended}\n{queues()}")
    site.end()


def flower(redis_url: str) -> None:
    site = Site(redis_url, AMQP)
    worker = site.worker("--queues", "celery,slow")
    site.kill(worker)
    site.python("from images.tasks import describe_photo_task as t; [t.delay(1) for _ in range(3)]")
    said = []
    for more in ({}, {"FLOWER_BROKER_API": f"{os.environ['WORKSHOP_RABBITMQ_API']}/"}):
        port = str(free_port())
        secret = {"FLOWER_PORT": port, "FLOWER_BASIC_AUTH": "admin:secret"}
        process = site.start("flower", ready="Connected to", name="flower", **secret, **more)
        time.sleep(6)
        address = f"http://localhost:{port}/api/queues/length"
        answer = httpx.get(address, auth=("admin", "secret"), timeout=30, trust_env=False).json()[
            "active_queues"
        ]
        given = "FLOWER_BROKER_API=http://guest:guest@localhost:15673/api/ " if more else ""
        said.append(f"$ {given}celery -A myproject flower")
        said += [line for line in process.output.splitlines() if line.startswith("[E ")]
        said.append('>>> found = httpx.get("http://localhost:5555/api/queues/length", auth=…).json()')
        said.append('>>> [(each["name"], each["messages"]) for each in found["active_queues"]]')
        said.append(str([(each["name"], each["messages"]) for each in answer]))
        site.kill(process)
    write("flower", "\n".join(said))
    site.end()
    empty()


def check(_redis_url: str) -> None:
    environment = os.environ | {
        "CELERY_BROKER_URL": AMQP,
        "WORKSHOP_KEEP": "CELERY_BROKER_URL",
    }
    said = subprocess.run(
        ["./workshop", "check", "solutions/04-flower"],
        cwd=paths.ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 0, said.stdout + said.stderr
    command = "$ ./workshop check solutions/04-flower"
    settings = f"$ export CELERY_BROKER_URL={SHOWN} WORKSHOP_KEEP=CELERY_BROKER_URL"
    write("check", f"{settings}\n{command}\n{said.stdout}")


PARTS = {each.__name__: each for each in (same, killed, down, quorum, waiting, timeout, flower, check)}
with rabbitmq() as AMQP, Broker(prefer=None) as broker:
    for part in sys.argv[1:] or PARTS:
        PARTS[part](broker.url)

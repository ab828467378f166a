"""Run two beat processes with an entry that is due every second. Show what they send and who takes over.

The script uses Redis database 9, so that it can run at the same time as `./workshop up`.
Run it in a copy of lesson 05: python two_beats.py default | only
"""

import argparse
import atexit
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "myproject.settings")
os.environ["REDIS_URL"] = re.sub(
    r"(/\d*)?$", "/9", os.environ.get("REDIS_URL", "redis://localhost:6379"), count=1
)
sys.path.insert(0, os.getcwd())
sys.path.append(str(Path(__file__).resolve().parents[1]))

import services
from celery import Celery

app = Celery("two_beats", broker=os.environ["REDIS_URL"])
app.conf.task_default_queue = "two-beats"
app.conf.beat_max_loop_interval = 5
app.conf.beat_schedule = {"sweep": {"task": "two_beats.sweep", "schedule": 1}}
SCHEDULERS = {"default": "celery.beat:PersistentScheduler", "only": "upkeep.beat:OnlyScheduler"}
HERE = Path(__file__).resolve().parent


class Beat:
    def __init__(self, folder, name, scheduler):
        self.log = folder / f"{name}.log"
        options = ["--schedule", folder / name, "--scheduler", scheduler, "--logfile", self.log]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "celery", "--workdir", os.getcwd(), "-A", "two_beats", "beat", *options]
            + ["--loglevel", "INFO", "--pidfile", ""],
            env=os.environ | {"PYTHONPATH": f"{HERE}{os.pathsep}{os.getcwd()}"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        atexit.register(self.process.kill)

    def sent(self):
        return self.log.read_text().count("Sending due task") if self.log.exists() else 0

    def wait(self):
        """Wait until beat sends, and return the seconds. Exits with a message if the process has stopped."""
        began, before = time.monotonic(), self.sent()
        while self.sent() == before:
            if self.process.poll() is not None:
                lines = self.log.read_text().splitlines() if self.log.exists() else []
                raise SystemExit(f"Beat has stopped. {lines[-1] if lines else 'It wrote no log.'}")
            time.sleep(0.05)
        return time.monotonic() - began

    def end(self, how):
        self.process.send_signal(how)
        self.process.wait()


def said(beat):
    return "\n".join(re.findall(r"WARNING/MainProcess\] (.*)", beat.log.read_text()))


def default(folder):
    beats = [Beat(folder, name, SCHEDULERS["default"]) for name in ("one", "two")]
    for beat in beats:
        beat.wait()
    before = [beat.sent() for beat in beats]
    time.sleep(20)
    after = [beat.sent() for beat in beats]
    for beat in beats:
        beat.end(signal.SIGTERM)
    print(f"In 20 seconds: {after[0] - before[0]} and {after[1] - before[1]} sent")


def only(folder):
    for how in (signal.SIGTERM, signal.SIGKILL):
        first = Beat(folder, "one", SCHEDULERS["only"])
        first.wait()
        second = Beat(folder, "two", SCHEDULERS["only"])
        time.sleep(20)
        print(f"In 20 seconds: {first.sent()} and {second.sent()} sent. The second one says:\n{said(second)}")
        first.end(how)
        print(f"The first one is stopped with {how.name}. The second one sends {second.wait():.1f} s later.")
        second.end(signal.SIGTERM)
        for file in folder.iterdir():
            file.unlink()


if __name__ == "__main__":
    schedulers = {"default": default, "only": only}
    parser = argparse.ArgumentParser()
    parser.add_argument("scheduler", choices=schedulers)
    run = schedulers[parser.parse_args().scheduler]
    if not Path("manage.py").is_file():
        raise SystemExit("Run this script in your copy of lesson 05, the folder with manage.py.")
    services.require_broker()
    with tempfile.TemporaryDirectory() as name:
        run(Path(name))

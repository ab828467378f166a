"""Record the alarms of docs/examples/monitoring while the photo site loses a worker and then its broker.

This script needs Prometheus:

    ./workshop dev runs monitoring

Each alarm waits for only one second, so the run takes a minute.
"""

import contextlib
import os
import signal
import tempfile
from pathlib import Path

from prometheus_monitor import monitored

from workshop.checkkit import until
from workshop.photos import samples
from workshop.photos.visitor import Visitor
from workshop.runtime.solution_site import running

OUT = Path(__file__).with_suffix(".txt")
METRICS = ("celery_workers", "photos_waiting", "photos_failed_last_hour", "broker_up")


def line(what, monitor):
    values = "".join(
        f"{value:>12.0f}" if value is not None else f"{'-':>12}" for value in map(monitor.value, METRICS)
    )
    return f"{what:<24}{values}   {', '.join(sorted(monitor.alarms())) or 'none'}"


if __name__ == "__main__":
    headings = ("workers", "waiting", "failed", "broker")
    command = "$ ./workshop dev runs monitoring"
    lines = [command, f"{'':<24}{''.join(f'{each:>12}' for each in headings)}   alarms"]
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        site = stack.enter_context(running("05-beat", without={"beat", "flower"}))
        monitor = stack.enter_context(monitored(site, folder))
        until(lambda: monitor.value("celery_workers") == 2 and not monitor.alarms(), 60)
        lines.append(line("all processes are up", monitor))
        os.kill(site.pid("slow"), signal.SIGSTOP)
        until(lambda: monitor.alarms() == {"WorkerMissing"}, 60)
        lines.append(line("a worker hangs", monitor))
        os.kill(site.pid("slow"), signal.SIGCONT)
        with Visitor(site.address) as visitor:
            visitor.upload("cut-short.jpg", samples.photo(3000, 2000)[:200_000])
        until(lambda: monitor.value("photos_failed_last_hour") == 1 and not monitor.alarms(), 60)
        lines.append(line("one photo is damaged", monitor))
        site.end_broker()
        until(lambda: monitor.alarms() == {"NothingToLookAt"}, 60)
        lines.append(line("the broker is down", monitor))
    OUT.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(*lines, sep="\n")

"""Measure how long queries to workers take. One name is a running worker, but gone@there is not."""

import sys
import time

sys.path.append("../../docs/runs")

import services
from celery import current_app

services.require_broker()
replies = current_app.control.ping(timeout=1)
if not replies:
    raise SystemExit("No worker answers. Start one in another terminal: ./workshop up")
name = sorted(each for reply in replies for each in reply)[0]
for names in (None, [name], [name, "gone@there"], ["gone@there"]):
    started = time.monotonic()
    replies = current_app.control.ping(destination=names, timeout=1)
    answered = sorted(each for reply in replies for each in reply)
    print(f"{time.monotonic() - started:4.2f} s   asked {names or 'all'}, answered {answered}")

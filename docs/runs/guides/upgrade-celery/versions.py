"""Send a message from one version of the code to a worker with another, and show what happens to it.

Usage, in docs/examples/upgrade, while a broker is running: python versions.py SENDER WORKER
Each argument is before, at_once, renamed or first. The variable SENDER_NAME sets NAME only for the sender.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import redis

CALLS = {
    "before": "before.resize.delay(7, 1024, 768)",
    "at_once": "at_once.resize.delay(7, box=(1024, 768))",
    "renamed": "renamed.shrink.delay(7, 1024, 768)",
    "first": "first.shrink.delay(7, box=(1024, 768))",
}
client = redis.Redis.from_url(os.environ.get("REDIS_URL", "redis://localhost:6379/0"))
client.delete("upgrade", "unacked", "unacked_index")
sender, receiver = sys.argv[1:3]
extra = {k.removeprefix("SENDER_"): v for k, v in os.environ.items() if k.startswith("SENDER_")}
subprocess.run(
    [sys.executable, "-c", f"import {sender}; {CALLS[sender]}"], env=os.environ | extra, check=True
)
END = r"raised unexpected|succeeded in|ignored and discarded"
"""What the worker logs when it has finished with the message."""
with tempfile.TemporaryDirectory() as folder:
    log = Path(folder) / "worker.log"
    worker = subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", receiver, "worker", "-c", "1", "-l", "INFO"]
        + ["--without-gossip", "--without-mingle", "--logfile", log],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        text = log.read_text() if log.exists() else ""
        if re.search(END, text) and not client.exists("upgrade", "unacked"):
            break
        time.sleep(0.05)
    left = client.llen("upgrade"), client.hlen("unacked")
    worker.terminate()
    worker.wait()
    said = log.read_text().partition(" ready.")[2]
for line in said.splitlines():
    if re.match(r"\[.*(received|raised|unregistered|invalid| into )|The message|KeyError", line):
        print(re.sub(r"^\[.*?/(\w+).*?\] ", "", line))
print(f"left on the broker: {left[0]} waiting, {left[1]} not acknowledged")

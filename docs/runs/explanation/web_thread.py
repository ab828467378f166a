"""Shows whether a thread in the web process finishes 5 seconds of work when the process is stopped.

python web_thread.py
"""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

from psutil import Process


def application(environ, start_response):
    """Start the work in a thread, and respond immediately."""
    daemon = environ["PATH_INFO"] == "/daemon"
    threading.Thread(target=work, daemon=daemon).start()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"accepted"]


def work():
    time.sleep(5)
    Path(os.environ["DONE"]).touch()


def serve(*options):
    with socket.socket() as any_port:
        any_port.bind(("127.0.0.1", 0))
        port = any_port.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        "-b",
        f"127.0.0.1:{port}",
        *options,
        "web_thread:application",
    ]
    return port, subprocess.Popen(command, cwd=Path(__file__).parent, stderr=subprocess.DEVNULL)


DIRECTLY = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # ignores the shell's proxy settings


def request(port, path):
    end = time.monotonic() + 20
    while time.monotonic() < end:
        try:
            return DIRECTLY.open(f"http://127.0.0.1:{port}{path}").read()
        except OSError:
            time.sleep(0.05)


def restart(server):
    server.terminate()


def lose_a_worker(server):
    os.kill(Process(server.pid).children()[0].pid, signal.SIGKILL)


def reload_code(server):
    server.send_signal(signal.SIGHUP)


CASES = [
    ("SIGTERM, thread", "/", restart, ()),
    ("SIGTERM, daemon thread", "/daemon", restart, ()),
    ("SIGTERM, thread, --graceful-timeout 2", "/", restart, ("--graceful-timeout", "2")),
    ("SIGHUP (reload), daemon thread", "/daemon", reload_code, ()),
    ("SIGHUP, thread, --graceful-timeout 2", "/", reload_code, ("--graceful-timeout", "2")),
    ("kill -9 of the worker process", "/", lose_a_worker, ()),
]

if __name__ == "__main__":
    for title, path, end, options in CASES:
        done = Path(tempfile.mkdtemp()) / "done"
        os.environ["DONE"] = str(done)
        port, server = serve(*options)
        answer = request(port, path).decode()
        end(server)
        time.sleep(9)
        print(
            f"{title:38} response: {answer}, work: {'done' if done.exists() else 'lost'}",
            flush=True,
        )
        server.terminate()
        server.wait()

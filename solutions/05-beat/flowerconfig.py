"""Flower reads this file where it is started: celery -A myproject flower"""

import os
import socket

# Who reaches Flower can read every argument and stop every worker. Only this machine does.
address = "127.0.0.1"
port = int(os.environ.get("FLOWER_PORT", 5555))
with socket.socket() as client:
    if client.connect_ex(("127.0.0.1", port)) == 0:
        raise SystemExit(f"Port {port} is taken. Choose another:  export FLOWER_PORT={port + 1}")

# FLOWER_BASIC_AUTH=name:password. Not on the command line: everybody on the machine can see that with ps.
if ":" not in os.environ.get("FLOWER_BASIC_AUTH", ""):
    raise SystemExit("Flower needs a password. Set it:  export FLOWER_BASIC_AUTH=name:password")

# What Flower keeps in memory, and forgets when it ends.
max_tasks = 10_000

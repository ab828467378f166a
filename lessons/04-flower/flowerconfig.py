"""Flower reads this file where it is started: celery -A myproject flower"""

import os

# Who reaches Flower can read every argument and stop every worker.
# TODO 4.2: let it listen on this machine only.
port = int(os.environ.get("FLOWER_PORT", 5555))

# FLOWER_BASIC_AUTH=name:password. Not on the command line: everybody on the machine can see that with ps.
# TODO 4.2: without it, do not start.

# What Flower keeps in memory, and forgets when it ends.
max_tasks = 10_000

"""Settings for Flower, which reads this file from the folder in which Flower is started."""

import os
import re
import socket

# Anyone who can open Flower can read all task arguments and stop all workers.
# TODO 4.2: set `address` so that Flower listens only on 127.0.0.1.
port = int(os.environ.get("FLOWER_PORT", 5555))
with socket.socket() as client:
    if client.connect_ex(("127.0.0.1", port)) == 0:
        raise SystemExit(f"Port {port} is taken. Choose another:  export FLOWER_PORT={port + 1}")

# FLOWER_BASIC_AUTH=name:password is an environment variable, because every user of the machine can see
# command lines with ps.
login = os.environ.get("FLOWER_BASIC_AUTH", "")
name, _, password = login.partition(":")
# Flower splits a password at a comma, and it responds with status 500 if the password is not ASCII.
usable = bool(name and password) and not re.search("[^!-~]|,", login)
# TODO 4.2: if `usable` is false, raise SystemExit with a message that mentions FLOWER_BASIC_AUTH.

# Flower stores this many tasks in memory and loses them when it stops.
max_tasks = 10_000

"""How long does a question to the workers take? NAME is one that runs; nobody has the name gone@there."""

import os
import time

from celery import current_app

name = os.environ["NAME"]
for names in (None, [name], [name, "gone@there"], ["gone@there"]):
    began = time.monotonic()
    replies = current_app.control.ping(destination=names, timeout=1)
    answered = [each for reply in replies for each in reply]
    print(f"{time.monotonic() - began:4.2f} s   asked {names or 'all'}, answered {answered}")

"""Send a task to a queue whose name is misspelled."""

import sys

sys.path.append("../../docs/runs")

import services
from celery import current_app
from images.tasks import describe_photo_task

services.require_broker()
try:
    task = describe_photo_task.apply_async((1,), queue="slwo")
except Exception as error:
    print(f"{type(error).__module__}.{type(error).__name__}: {error}")
else:
    with current_app.connection_for_read() as connection:
        waiting = connection.default_channel.client.llen("slwo")
    print(f"sent: {task.state}, {waiting} message waits in the queue slwo")

"""The settings of solutions/05-beat, with clocks that run faster: what takes an hour takes seconds here."""

import json
import os

from myproject.settings import *  # noqa: F403
from myproject.settings import CELERY_BEAT_SCHEDULE, CELERY_BROKER_TRANSPORT_OPTIONS, DATABASES, STORAGES

# A message that nobody has acknowledged comes back after 5 seconds, not after an hour: lesson 03, step 3.7.
CELERY_BROKER_TRANSPORT_OPTIONS |= {
    "visibility_timeout": 5,
    "unacked_restore_interval": 1,
    "unacked_restore_throttle": 1,
}
CELERY_BEAT_SCHEDULE["sweep"] |= {"schedule": 1}
CELERY_BEAT_MAX_LOOP_INTERVAL = 1

# A test may give resize_image_task other options, and its processes less patience with a locked database.
CELERY_TASK_ANNOTATIONS = {
    "images.tasks.resize_image_task": json.loads(os.environ.get("RESIZE_OPTIONS", "{}"))
}
if "LOCK_SECONDS" in os.environ:
    DATABASES["default"]["OPTIONS"] |= {"timeout": float(os.environ["LOCK_SECONDS"])}

# The storage can be held, so that a fault comes in the middle.
STORAGES["resized"] |= {"BACKEND": "faultstorage.Storage"}

"""The settings of solutions/05-beat, with shorter times: what takes an hour there takes seconds here."""

import json
import os

from faultschedule import Asked
from myproject.settings import *  # noqa: F403
from myproject.settings import CELERY_BEAT_SCHEDULE, CELERY_BROKER_TRANSPORT_OPTIONS, DATABASES, STORAGES

# An unacknowledged message comes back after 5 seconds, not after an hour: lesson 03, step 3.7.
CELERY_BROKER_TRANSPORT_OPTIONS |= {
    "visibility_timeout": 5,
    "unacked_restore_interval": 1,
    "unacked_restore_throttle": 1,
}
CELERY_BEAT_SCHEDULE["sweep"] |= {"schedule": 1}
# ASKED names entries that are due when the test says so.
for name in filter(None, os.environ.get("ASKED", "").split(",")):
    CELERY_BEAT_SCHEDULE[name] |= {"schedule": Asked(name)}
EMAIL_TIMEOUT = 1
CELERY_BEAT_MAX_LOOP_INTERVAL = 1

# A test may give resize_image_task other options, and its processes less patience with a locked database.
CELERY_TASK_ANNOTATIONS = {
    "images.tasks.resize_image_task": json.loads(os.environ.get("RESIZE_OPTIONS", "{}"))
}
if "LOCK_SECONDS" in os.environ:
    DATABASES["default"]["OPTIONS"] |= {"timeout": float(os.environ["LOCK_SECONDS"])}

# The storage can be stopped, so that a fault comes in the middle of a resize.
STORAGES["resized"] |= {"BACKEND": "faultstorage.Storage"}

"""Send a task in five ways without a broker. Print how long that takes and which exception is raised."""

import time

from celery import Celery

NOBODY = "redis://localhost:1/0"
POLICY = {"max_retries": 1, "interval_start": 0, "interval_step": 0.1}
RESULTS = {"retry_policy": {"max_retries": 1, "timeout": 0.5}}


def app(**settings):
    return Celery("broker-down", broker=NOBODY, backend=NOBODY, set_as_current=False, changes=settings)


WAYS = {
    "Celery's own settings": (app(), {}),
    "ignore_result": (app(), {"ignore_result": True}),
    "task_publish_retry_policy": (app(task_publish_retry_policy=POLICY), {}),
    "the same for results too": (
        app(task_publish_retry_policy=POLICY, result_backend_transport_options=RESULTS),
        {},
    ),
    "policy and ignore_result": (app(task_publish_retry_policy=POLICY), {"ignore_result": True}),
}


def resize(image_id):
    pass


for name, (celery, options) in WAYS.items():
    task = celery.task(name="resize", **options)(resize)
    began = time.monotonic()
    try:
        task.delay(1)
    except Exception as error:
        kind = type(error)
        seconds = time.monotonic() - began
        print(
            f"{name:<27} {seconds:5.2f} s  {kind.__module__}.{kind.__name__}: {' '.join(str(error).split())}"
        )

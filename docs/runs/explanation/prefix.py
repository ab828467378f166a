"""Two projects share one Redis database, each with its own key prefix.

REDIS_URL=redis://localhost:6379/9 python prefix.py
"""

from celery import Celery
from workers import URL, redis


def project(name):
    app = Celery(name, broker=URL, backend=URL)
    options = {"global_keyprefix": f"{name}:"}
    app.conf.update(broker_transport_options=options, result_backend_transport_options=options)
    return app


if __name__ == "__main__":
    redis.flushdb()
    for name in ("photos", "shop"):
        project(name).send_task("work")
    print(*sorted(redis.keys()), sep="\n")

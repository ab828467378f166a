"""RQ with Redis. When this module is run as a program, it starts a worker process.

RQ's page about workers recommends a custom script that imports the modules of the jobs before the fork. It
also says that a worker forks a process for each job: https://python-rq.org/docs/workers/
Retries: https://python-rq.org/docs/exceptions/ · results: https://python-rq.org/docs/results/
"""

import os

import work
from redis import Redis
from rq import Queue, Retry, Worker

connection = Redis.from_url(os.environ["REDIS_URL"])
queue = Queue("default", connection=connection)
reliable = bool(os.environ.get("BENCH_RELIABLE"))


def send(name, number):
    return queue.enqueue(
        getattr(work, name),
        number,
        result_ttl=0 if name in ("empty", "photo") else None,
        retry=Retry(max=3) if reliable else None,
    )


def result(sent):
    return sent.latest_result(timeout=60).return_value


if __name__ == "__main__":
    # RQ marks the job of a dead worker as failed during the first maintenance that runs later than 60 s after
    # the monitoring interval. Then RQ retries the job if the job has a Retry. An idle worker runs the
    # maintenance when it stops waiting for a job, which is 15 s before the worker's time to live ends. The
    # default values of the options below are 30 s, 10 minutes and 7 minutes.
    options = {"job_monitoring_interval": 1, "maintenance_interval": 5, "worker_ttl": 20} if reliable else {}
    Worker([queue], connection=connection, **options).work()

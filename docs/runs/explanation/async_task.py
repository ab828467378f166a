"""Shows what the caller sees of an `async def` task, and of a task that is typed with pydantic.

REDIS_URL=redis://localhost:6379/9 python async_task.py
"""

from celery import Celery
from celery.signals import task_success
from pydantic import BaseModel
from workers import URL, Worker, redis, until

app = Celery("async_task", broker=URL, backend=URL)


class Box(BaseModel):
    width: int
    height: int


@app.task
async def fetch(number):
    redis.incr("fetched")
    return number


@app.task(ignore_result=True)
async def fetch_silently(number):
    redis.incr("fetched")


@app.task
def last():
    """Runs after the tasks that were sent before it."""


@app.task(pydantic=True)
def halve(box: Box) -> Box:
    return Box(width=box.width // 2, height=box.height // 2)


@task_success.connect
def log_success(sender, result, **others):
    redis.rpush("log", f"{sender.name} succeeded, result: {str(result).partition(' at ')[0]}>")


if __name__ == "__main__":
    redis.flushdb()
    with Worker("async_task", "-c", "1"):
        result = fetch.delay(7)
        until(result.ready)
        print("async def:                 ", result.state, result.result)
        fetch_silently.delay(7)
        until(last.delay().ready)
        print("async def, ignore_result:  ", *redis.lrange("log", 0, 0))
        print("bodies that have run:      ", redis.get("fetched") or 0)
        result = halve.delay({"width": 800, "height": 600})
        until(result.ready)
        print("with pydantic=True:        ", result.state, result.result)
        result = halve.delay({"width": "wide", "height": 600})
        until(result.ready)
        print("a value of the wrong type: ", result.state, str(result.result).splitlines()[0])

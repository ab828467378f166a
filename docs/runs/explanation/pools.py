"""Compares the pools: their speed, their memory, and which time limits work. This takes a few minutes.

./workshop dev runs explanation/pools-wait

The argument is resize, wait, memory or limits. The script needs gevent and eventlet, which the workshop
doesn't install.
"""

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import threading
import time
import urllib.request
from contextlib import ExitStack
from pathlib import Path

from celery import Celery
from celery.exceptions import SoftTimeLimitExceeded
from workers import URL, Worker, redis, until

from workshop.photos.samples import PHONE_PHOTO

ROOT = Path(__file__).parents[3]
PROJECT = ROOT / "solutions/05-beat"
QUEUE = os.environ.get("QUEUE", "celery")
ROUNDS = 5
DIRECTLY = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # ignores the shell's proxy settings

app = Celery("pools", broker=URL, backend=URL)
app.conf.task_default_queue = QUEUE
app.conf.worker_prefetch_multiplier = 1


@app.task(ignore_result=True)
def resize_photo(path):
    sys.path.insert(0, str(PROJECT))
    from images.resizing import resize

    with open(path, "rb") as file:
        resize(file)
    redis.incr(f"done {QUEUE}")


@app.task(ignore_result=True)
def ask(url):
    DIRECTLY.open(url).read()
    redis.incr(f"done {QUEUE}")


@app.task(soft_time_limit=1, time_limit=3)
def sleeps():
    return held(lambda: time.sleep(0.05))


@app.task(soft_time_limit=1, time_limit=3)
def computes():
    return held(lambda: sum(range(10_000)))


@app.task
def sleeps_forever():
    redis.set("started", 1)
    return held(lambda: time.sleep(0.05))


@app.task
def waited():
    return "ran"


def held(work):
    """Work for 6 seconds, and record what interrupted the work."""
    started = time.monotonic()
    try:
        while time.monotonic() < started + 6:
            work()
        how = "no interruption, done"
    except SoftTimeLimitExceeded:
        how = "soft limit"
    except BaseException as error:
        how = type(error).__name__
        raise
    finally:
        redis.set("how", f"{how} after {time.monotonic() - started:.0f} s")
    return how


def rate(queue, task, argument, count):
    """Send `count` tasks without a pause, and return how many ran per second."""
    redis.set(f"done {queue}", 0)
    started = time.monotonic()
    for _ in range(count):
        task.apply_async((argument,), queue=queue)
    assert until(lambda: int(redis.get(f"done {queue}")) >= count, 120)
    return count / (time.monotonic() - started)


def compare(pools, task, argument, count):
    """Run the pools in turn, several times. Print each pool's median, and its ratio to the first pool."""
    rates = {}
    with ExitStack() as stack:
        for pool, size in pools:
            queue = f"{pool} {size}"
            options = ("-P", pool, "-c", str(size), "-Q", queue)
            stack.enter_context(Worker("pools", *options, QUEUE=queue))
            rates[queue] = []
        for queue in rates:
            rate(queue, task, argument, 4)
        for _ in range(ROUNDS):
            for queue, found in rates.items():
                found.append(rate(queue, task, argument, count))
    first = next(iter(rates.values()))
    for queue, found in rates.items():
        ratio = statistics.median(each / one for each, one in zip(found, first, strict=True))
        print(f"  {queue:12} {statistics.median(found):6.1f} a second   {ratio:4.1f} times")


def resizes():
    pools = [("solo", 1), ("prefork", 2), ("threads", 2), ("gevent", 2)]
    with tempfile.NamedTemporaryFile(suffix=".jpg") as photo:
        photo.write(PHONE_PHOTO.content())
        photo.flush()
        print(f"resizes of a photo of {photo.tell() / 1e6:.1f} MB, median of {ROUNDS} rounds")
        compare(pools, resize_photo, photo.name, 12)


def waits():
    print(f"requests to a server that takes 0.2 s, median of {ROUNDS} rounds")
    pools = [("solo", 1), ("prefork", 2), ("threads", 20), ("gevent", 20), ("gevent", 100), ("eventlet", 20)]
    server = threading.Thread(target=asyncio.run, args=(serve(),), daemon=True)
    server.start()
    until(lambda: port)
    compare(pools, ask, f"http://127.0.0.1:{port[0]}/", 40)


port = []


async def serve():
    """Respond to each request after 0.2 s. Any number of requests can wait at the same time."""

    async def answer(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(0.2)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nOK")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port.append(server.sockets[0].getsockname()[1])
    await server.serve_forever()


def memory():
    """Print the memory of an idle worker. PSS divides a shared page equally among its processes."""
    print("memory of `celery -A myproject worker` in solutions/05-beat, in MB")
    for pool, size in [
        ("solo", 1),
        ("prefork", 1),
        ("prefork", 2),
        ("prefork", 8),
        ("threads", 20),
        ("gevent", 100),
    ]:
        redis.flushdb()
        options = ("-P", pool, "-c", str(size))
        with Worker("myproject", *options, folder=PROJECT, REDIS_URL=URL) as worker:
            until(lambda: app.control.ping(timeout=0.2))
            time.sleep(1)
            found = [each.memory_full_info() for each in worker.family()]
            rss, pss = sum(each.rss for each in found) / 1e6, sum(each.pss for each in found) / 1e6
            print(f"  {pool + ' ' + str(size):12} processes {len(found)}   RSS {rss:4.0f}   PSS {pss:4.0f}")


def limits():
    print("soft_time_limit=1, time_limit=3, a task of 6 s; revoke(terminate=True) after 1 s")
    for pool in ("prefork", "threads", "gevent", "eventlet", "solo"):
        redis.flushdb()
        with Worker("pools", "-P", pool, "-c", "2"):
            for task in (sleeps, computes):
                redis.delete("how")
                result = task.delay()
                until(result.ready, 9)
                print(f"  {pool:9} {task.__name__:16} {said(result)}")
            redis.delete("how", "started")
            result = sleeps_forever.delay()
            until(lambda: redis.get("started"))
            time.sleep(1)
            app.control.revoke(result.id, terminate=True, signal="SIGKILL")
            until(result.ready, 9)
            print(f"  {pool:9} {'revoked':16} {said(result)}")
            print(f"  {pool:9} {'expires=1':16} {state_when_expired():8} sent to a busy worker")


def state_when_expired():
    """Return the state of a task that is sent to a busy worker and expires before the worker is idle."""
    occupied = [sleeps_forever.delay() for _ in range(2)]
    result = waited.apply_async(expires=1)
    until(lambda: result.ready() and all(each.ready() for each in occupied), 30)
    return result.state


def said(result):
    until(lambda: redis.get("how"), 7)
    return f"{result.state:8} the task recorded: {redis.get('how') or 'nothing'}"


if __name__ == "__main__":
    parts = {"resize": resizes, "wait": waits, "memory": memory, "limits": limits}
    parser = argparse.ArgumentParser()
    parser.add_argument("part", choices=parts)
    part = parser.parse_args().part
    redis.flushdb()
    parts[part]()

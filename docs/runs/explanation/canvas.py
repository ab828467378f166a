"""Shows the results of a chain, a group and a chord, and what happens if one of their tasks fails.

REDIS_URL=redis://localhost:6379/9 python canvas.py
"""

from celery import Celery, chain, chord, group
from workers import URL, Worker, redis, until

app = Celery("canvas", broker=URL, backend=URL)


@app.task
def double(number):
    if number == 13:
        raise ValueError("13 brings bad luck")
    return number * 2


@app.task
def total(numbers):
    return sum(numbers)


@app.task
def report(request, error, traceback):
    """An error callback. Celery calls it with the failed task's request, exception and traceback."""
    redis.rpush("reports", f"{type(error).__name__} of {request.task}")


def show(text, result):
    """Print what get() returns or raises."""
    try:
        answer = result.get(timeout=60)
    except ValueError as error:
        answer = f"ValueError: {error}"
    print(f"{text:<37} {answer}")


def show_states(*results):
    """Wait until all results are ready, and print their states."""
    until(lambda: all(result.ready() for result in results))
    print("    states:", *(result.state for result in results))


def show_report():
    """Wait until report() has run, and print its arguments."""
    until(lambda: redis.llen("reports"))
    print("    report() got the", redis.lpop("reports"))


if __name__ == "__main__":
    redis.flushdb()
    with Worker("canvas", "-c", "2"):
        until(lambda: app.control.ping(timeout=0.2))

        show("chain: double, double, double", chain(double.s(1), double.s(), double.s())())
        result = chain(double.s(13), double.s(), double.s())()
        show("the first of three fails", result)
        show_states(result.parent.parent, result.parent, result)

        show("group: 1, 2, 3", group(double.s(number) for number in (1, 2, 3))())
        result = group(double.s(number) for number in (1, 13, 3))()
        show("the second of three fails", result)
        print("    all results:", result.get(propagate=False))

        show("chord: the total of 1, 2, 3", chord(double.s(number) for number in (1, 2, 3))(total.s()))
        broken = chord(double.s(number) for number in (1, 13, 3))
        result = broken(total.s().on_error(report.s()))
        show("the second of three fails", result)
        show_states(*result.parent, result)
        show_report()

        show("a group in a chain becomes a chord", chain(group(double.s(1), double.s(2)), total.s())())

        result = double.apply_async((13,), link_error=report.s())
        show("a task with link_error", result)
        show_report()

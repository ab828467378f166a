"""The tasks for django-tasks. A process that waits for a result polls the database every 5 ms.

A worker imports a task by the name of its function, so each task is a function in this module.
"""

import time

import work
from django_tasks import task


@task()
def empty(number):
    work.empty(number)


@task()
def photo(number):
    work.photo(number)


@task()
def nap(number):
    work.nap(number)


@task()
def answer(number):
    return work.answer(number)


def send(name, number):
    return {"empty": empty, "photo": photo, "nap": nap, "answer": answer}[name].enqueue(number)


def result(sent):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        sent.refresh()
        if sent.is_finished:
            return sent.return_value
        time.sleep(0.005)
    raise TimeoutError("No result arrived within 60 s.")

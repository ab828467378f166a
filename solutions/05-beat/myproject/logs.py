"""Log lines that say which request, task and photo they are about."""

import inspect
import logging
import re
import secrets
from collections.abc import Callable
from contextvars import ContextVar

from celery.signals import (
    after_setup_logger,
    after_setup_task_logger,
    before_task_publish,
    task_postrun,
    task_prerun,
)
from celery.utils.log import ColorFormatter
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter

FIELDS = ("request_id", "task_name", "task_id", "photo_id")
NOTHING = dict.fromkeys(FIELDS)
REQUEST_ID = re.compile(r"[\w.-]{8,64}", re.ASCII)
"""A request id from a proxy that is safe in a log line."""

current: ContextVar[dict] = ContextVar("current", default=NOTHING)
"""What this thread or coroutine is working on."""


def request_id(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware that gives each request an id, or uses the X-Request-ID of a proxy."""

    def middleware(request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-ID", "")
        request_id = given if REQUEST_ID.fullmatch(given) else secrets.token_hex(6)
        before = current.set(NOTHING | {"request_id": request_id})
        try:
            response = get_response(request)
        finally:
            current.reset(before)
        response["X-Request-ID"] = request_id
        return response

    return middleware


@before_task_publish.connect
def send_request_id(headers: dict, **kwargs) -> None:
    """Send the current request id with each task, also when a task sends another task."""
    # The main process of a worker has no current request. When it retries a task because the task's process
    # was lost, the headers still contain the id.
    headers["request_id"] = current.get()["request_id"] or headers.get("request_id")


@task_prerun.connect
def start_task(task_id: str, task, args, kwargs, **rest) -> None:
    task.request.log_before = current.set(
        {
            "request_id": task.request.get("request_id"),
            "task_name": task.name,
            "task_id": task_id,
            "photo_id": photo_id(task, args, kwargs),
        }
    )


@task_postrun.connect
def end_task(task, **kwargs) -> None:
    current.reset(task.request.log_before)


def photo_id(task, args, kwargs) -> int | None:
    """The task's argument `image_id`; None if it has none."""
    try:
        return inspect.signature(task.run).bind(*args, **kwargs).arguments.get("image_id")
    except TypeError:  # wrong arguments: the task itself will raise an error
        return None


class ContextFilter(logging.Filter):
    """Gives every record the attributes in FIELDS. A value in a call's `extra` takes precedence."""

    def filter(self, record: logging.LogRecord) -> bool:
        for name, value in current.get().items():
            if getattr(record, name, None) is None:
                setattr(record, name, value)
        return True


class PlainFormatter(ColorFormatter):
    """Celery's format, followed by the context: task=…[…] photo=12 request=5f0c1ad39b47"""

    FORMAT = "[%(asctime)s: %(levelname)s/%(processName)s] %(message)s"

    def __init__(self, use_color: bool = False):
        super().__init__(self.FORMAT, use_color=use_color)

    def formatMessage(self, record: logging.LogRecord) -> str:
        return super().formatMessage(record) + self.context(record)

    def context(self, record: logging.LogRecord) -> str:
        values, known = vars(record), []
        if values["task_id"] and values["task_id"] not in record.message:  # Celery's own messages name it
            known.append(f"task={values['task_name']}[{values['task_id']}]")
        if values["photo_id"]:
            known.append(f"photo={values['photo_id']}")
        if values["request_id"]:
            known.append(f"request={values['request_id']}")
        return "  " + " ".join(known) if known else ""


def formatter(use_color: bool = False) -> logging.Formatter:
    """The formatter that settings.LOG_FORMAT names: "plain", or "json" for programs that collect logs."""
    if settings.LOG_FORMAT == "plain":
        return PlainFormatter(use_color)
    return JsonFormatter(
        ["levelname", "name", "processName", "message", *FIELDS],
        rename_fields={"levelname": "level", "name": "logger", "processName": "process"},
        reserved_attrs=[*RESERVED_ATTRS, "data", "request"],  # the message already contains it
        timestamp="time",
    )


@after_setup_logger.connect
@after_setup_task_logger.connect
def configure(logger: logging.Logger, colorize: bool = False, **kwargs) -> None:
    """In a worker and in beat, Celery sets up the handlers. Give them this filter and format."""
    for handler in logger.handlers:
        handler.addFilter(ContextFilter())
        handler.setFormatter(formatter(colorize))

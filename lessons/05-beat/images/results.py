"""What the result backend knows about a task."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from celery.result import AsyncResult, GroupResult
from django.http import HttpResponse, JsonResponse
from redis.exceptions import RedisError

OTHERS_AS_TEXT = {"default": str}
"""An option of json.dumps() that converts objects without a JSON type to text.

Such an object may be a task's result, or the exception of a task that fails between two queries.
"""


def asks_result_backend(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Let a view respond with 503 and a message while the result backend is down."""

    @wraps(view)
    def answer(request, *args, **kwargs):
        try:
            return view(request, *args, **kwargs)
        except RedisError:
            return JsonResponse({"error": "The result backend doesn't respond. Try again later."}, status=503)

    return answer


def result_as_json(task: AsyncResult) -> dict:
    """The task's id and state, the result after SUCCESS, and the error as text after FAILURE."""
    answer: dict[str, Any] = {"id": task.id, "state": task.state, "result": None, "error": None}
    if answer["state"] == "SUCCESS":
        answer["result"] = task.result
    elif answer["state"] == "FAILURE":
        answer["error"] = f"{type(task.result).__name__}: {task.result}"
    return answer


def progress_of(task: AsyncResult, group_id: str | None = None) -> dict | None:
    """The progress of a task, such as {"done": 3, "total": 24}; None when it is not known.

    With `group_id`, the progress is the number of tasks of that group that have succeeded.
    """
    if task.state == "PROGRESS":
        return task.info
    group = GroupResult.restore(group_id) if group_id else None
    return {"done": group.completed_count(), "total": len(group)} if group else None

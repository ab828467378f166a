"""What the result backend knows about a task."""

from collections.abc import Callable
from functools import wraps

from django.http import HttpResponse, JsonResponse
from redis.exceptions import RedisError


def asks_result_backend(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Let a view respond with 503 and a message while the result backend is down."""

    @wraps(view)
    def answer(request, *args, **kwargs):
        try:
            return view(request, *args, **kwargs)
        except RedisError:
            return JsonResponse({"error": "The result backend doesn't respond. Try again later."}, status=503)

    return answer

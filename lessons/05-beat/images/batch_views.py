"""The pages of a batch of photos: the ZIP export and the summary."""

from celery.result import AsyncResult
from django.contrib import messages
from django.http import JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from .models import UploadedImage
from .queueing import UNSENT, enqueue_summary
from .results import OTHERS_AS_TEXT, asks_result_backend, progress_of, result_as_json
from .tasks import export_zip_task

BATCH_SIZE = 100
"""The maximum number of photos in a batch. A batch contains the newest photos."""


@require_POST
def export_zip(request):
    """Let a worker write the newest photos into a ZIP file."""
    return start_batch(request, export_zip_task.delay)


@require_POST
def summarize(request):
    """Let the workers describe the newest photos in parallel, and sum up their descriptions."""
    return start_batch(request, enqueue_summary)


def start_batch(request, enqueue_batch):
    """Call enqueue_batch(image_ids) for the newest resized photos, and redirect to the task's page."""
    photos = UploadedImage.objects.resized()
    image_ids = list(photos.values_list("pk", flat=True)[:BATCH_SIZE])
    if not image_ids:
        messages.warning(request, "There is no resized photo yet. Upload one first.")
        return redirect("images:list")
    try:
        task = enqueue_batch(image_ids)
    except UNSENT:
        messages.warning(request, "This isn't possible right now. Try again later.")
        return redirect("images:list")
    address = reverse("images:batch", args=[task.id])
    return redirect(f"{address}?group={task.parent.id}" if task.parent else address)


def batch(request, task_id):
    """The page that shows the task's progress. With ?group=, it counts the finished tasks of that group."""
    status = reverse("images:batch_status", args=[task_id])
    return render(request, "images/batch.html", {"status": f"{status}?{request.GET.urlencode()}"})


@asks_result_backend
def batch_status(request, task_id):
    """The task's state, result and progress, as JSON."""
    task = AsyncResult(str(task_id))
    answer = {**result_as_json(task), "progress": progress_of(task, request.GET.get("group"))}
    return JsonResponse(answer, json_dumps_params=OTHERS_AS_TEXT)

"""The views of work on many photos at once: a ZIP file of them, and a summary."""

from celery import chord
from celery.result import AsyncResult, GroupResult
from django.contrib import messages
from django.http import JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from .models import UploadedImage
from .tasks import describe_for_summary_task, pack_photos_task, summarise_task
from .views import UNSENT, answer_of

PHOTOS = 100
"""The newest ones; a batch has no more."""


@require_POST
def pack(request):
    """Let a worker put the newest photos into a ZIP file."""
    return send(request, lambda ids: pack_photos_task.delay(ids))


@require_POST
def summarise(request):
    """Let the workers look at the newest photos, several at once, and sum up what they find."""
    return send(request, send_summary)


def send_summary(image_ids):
    """Send a task for each photo, and one that gets all their answers. Returns the last one's AsyncResult."""
    task = chord(describe_for_summary_task.s(image_id) for image_id in image_ids)(summarise_task.s())
    task.parent.save()  # the group: by its id the page asks how many have answered
    return task


def send(request, send_batch):
    image_ids = list(UploadedImage.objects.resized().values_list("pk", flat=True)[:PHOTOS])
    if not image_ids:
        messages.warning(request, "There is no resized photo yet. Upload one first.")
        return redirect("images:list")
    try:
        task = send_batch(image_ids)
    except UNSENT:
        messages.warning(request, "Nobody can do that at the moment. Try again later.")
        return redirect("images:list")
    address = reverse("images:batch", args=[task.id])
    return redirect(f"{address}?group={task.parent.id}" if task.parent else address)


def batch(request, task_id):
    """A page that follows the task. With ?group= it counts the members of that group."""
    status = reverse("images:batch_status", args=[task_id])
    return render(request, "images/batch.html", {"status": f"{status}?{request.GET.urlencode()}"})


def batch_status(request, task_id):
    task = AsyncResult(str(task_id))
    return JsonResponse({**answer_of(task), "progress": progress_of(task, request.GET.get("group"))})


def progress_of(task, group_id=None):
    """How far a task is, {"done": 3, "total": 24}; None when that is not known."""
    if task.state == "PROGRESS":
        return task.info
    group = GroupResult.restore(group_id) if group_id else None
    return {"done": group.completed_count(), "total": len(group)} if group else None

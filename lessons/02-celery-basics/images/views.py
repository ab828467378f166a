import time

from celery.result import AsyncResult
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.defaultfilters import pluralize
from django.urls import reverse
from django.views.decorators.http import require_POST

from .forms import NotStored, UploadForm
from .models import UploadedImage
from .pictures import UnreadablePicture
from .resizing import resize
from .results import asks_result_backend
from .tasks import describe_photo_task


def photo_list(request):
    paginator = Paginator(UploadedImage.objects.all(), 24)
    return render(request, "images/list.html", {"page": paginator.get_page(request.GET.get("page"))})


def upload(request):
    form = UploadForm(request.POST, request.FILES) if request.method == "POST" else UploadForm()
    if request.method == "POST" and form.is_valid():
        started = time.perf_counter()
        try:
            photos = form.save()
        except NotStored as error:
            form.add_error("images", str(error))
            return render(request, "images/upload.html", {"form": form})
        for photo in photos:
            resize_photo(photo)
        add_upload_messages(request, photos, time.perf_counter() - started)
        return redirect("images:list")
    return render(request, "images/upload.html", {"form": form})


def resize_photo(photo):
    """Resize one uploaded photo now. If it cannot be decoded, store the reason."""
    started = time.perf_counter()
    try:
        with photo.image.open("rb") as file:
            resized = resize(file)
    except UnreadablePicture:
        photo.fail("This picture is damaged or cut short.")
    else:
        photo.attach_resized(resized, time.perf_counter() - started)


def add_upload_messages(request, photos, seconds):
    """Tell the visitor on the next page what happened to the photos of this upload."""
    resized = sum(photo.is_processed for photo in photos)
    if resized:
        messages.success(request, f"{resized} photo{pluralize(resized)} resized in {seconds:.2f} s.")
    for photo in photos:
        if photo.failure_reason:
            messages.error(request, f"{photo.name}: {photo.failure_reason}")


def detail(request, pk):
    photo = get_object_or_404(UploadedImage, pk=pk)
    return render(request, "images/detail.html", {"photo": photo, "task_id": request.GET.get("task")})


@require_POST
def describe(request, pk):
    """Let a worker describe the photo. The photo's page shows the task's state and result."""
    photo = get_object_or_404(UploadedImage, pk=pk)
    # TODO 2.4: send describe_photo_task with the photo's id, and don't wait for its result. Return
    # redirect_to_task(photo, …).
    return redirect("images:detail", photo.pk)


@require_POST
def describe_later(request, pk):
    """Let a worker describe the photo in ten seconds. A worker skips the task after seventy seconds."""
    photo = get_object_or_404(UploadedImage, pk=pk)
    # TODO 2.6: send the task with apply_async() so that it starts after ten seconds and expires after
    # seventy. Return redirect_to_task(photo, …).
    return redirect("images:detail", photo.pk)


def redirect_to_task(photo, task):
    return redirect(reverse("images:detail", args=[photo.pk]) + f"?task={task.id}")


@asks_result_backend
def task_status(request, task_id):
    """The task's state and result, as JSON. A task that the result backend does not know is PENDING, too."""
    # TODO 2.5: create an AsyncResult, and return the task's id, state, result and error. Set result only for
    # SUCCESS. Set error only for FAILURE, to the exception's type and message. Otherwise, result and error
    # are None.
    return JsonResponse({})


@require_POST
@asks_result_backend
def task_forget(request, task_id):
    """Delete the task's result from the result backend, once it has been read."""
    # TODO 2.5: delete the result with forget().
    return JsonResponse({"id": str(task_id), "forgotten": True})


@require_POST
def delete(request, pk):
    photo = get_object_or_404(UploadedImage, pk=pk)
    messages.success(request, f"{photo.name} was deleted.")
    photo.delete()
    return redirect("images:list")

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
from .pictures import UnreadablePicture  # TODO 3.1: delete along with resize_photo()
from .queueing import retry, save_and_enqueue
from .resizing import resize  # TODO 3.1: delete along with resize_photo()
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
            photos = save_and_enqueue(form)
        except NotStored as error:
            form.add_error("images", str(error))
            return render(request, "images/upload.html", {"form": form})
        # TODO 3.1: delete this loop. A worker resizes the photos, so the visitor doesn't have to wait.
        for photo in photos:
            resize_photo(photo)
        add_upload_messages(request, photos, time.perf_counter() - started)
        return redirect("images:list")
    return render(request, "images/upload.html", {"form": form})


# TODO 3.1: move the body of this function to images/tasks.py, and delete the function.
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
    messages.success(request, f"{len(photos)} photo{pluralize(len(photos))} uploaded in {seconds:.2f} s.")
    if any(photo.state == UploadedImage.State.UNQUEUED for photo in photos):
        messages.warning(
            request, "Your photos are saved, but they cannot be resized right now. Try again later."
        )


def states(request):
    """Return the states of the photos in ?ids=1,2,3, for the page that tracks them."""
    ids = request.GET.get("ids", "").split(",")
    image_ids = [each for each in ids if each.isdecimal() and len(each) < 10]
    photos = UploadedImage.objects.filter(pk__in=image_ids[:100])
    return JsonResponse({"photos": [photo_as_json(photo) for photo in photos]})


def photo_as_json(photo):
    """The parts of a photo that a page updates while it follows the photo."""
    return {
        "id": photo.pk,
        "name": photo.name,
        "state": photo.state,
        "label": photo.state.label,
        "pending": photo.is_pending,
        "reason": photo.failure_reason,
        "thumbnail": photo.resized_image.url if photo.is_processed else None,
    }


@require_POST
def try_again(request, pk):
    photo = get_object_or_404(UploadedImage, pk=pk)
    retry([photo])
    return redirect("images:detail", photo.pk)


def detail(request, pk):
    photo = get_object_or_404(UploadedImage, pk=pk)
    return render(request, "images/detail.html", {"photo": photo, "task_id": request.GET.get("task")})


@require_POST
def describe(request, pk):
    """Let a worker describe the photo. The photo's page shows the task's state and result."""
    photo = get_object_or_404(UploadedImage, pk=pk)
    task = describe_photo_task.delay(photo.pk)
    return redirect_to_task(photo, task)


@require_POST
def describe_later(request, pk):
    """Let a worker describe the photo in ten seconds. A worker skips the task after seventy seconds."""
    photo = get_object_or_404(UploadedImage, pk=pk)
    task = describe_photo_task.apply_async((photo.pk,), countdown=10, expires=70)
    return redirect_to_task(photo, task)


def redirect_to_task(photo, task):
    return redirect(reverse("images:detail", args=[photo.pk]) + f"?task={task.id}")


@asks_result_backend
def task_status(request, task_id):
    """The task's state and result, as JSON. A task that the result backend does not know is PENDING, too."""
    task = AsyncResult(str(task_id))
    answer = {"id": task.id, "state": task.state, "result": None, "error": None}
    if answer["state"] == "SUCCESS":
        answer["result"] = task.result
    elif answer["state"] == "FAILURE":
        answer["error"] = f"{type(task.result).__name__}: {task.result}"
    return JsonResponse(answer)


@require_POST
@asks_result_backend
def task_forget(request, task_id):
    """Delete the task's result from the result backend, once it has been read."""
    AsyncResult(str(task_id)).forget()
    return JsonResponse({"id": str(task_id), "forgotten": True})


@require_POST
def delete(request, pk):
    photo = get_object_or_404(UploadedImage, pk=pk)
    messages.success(request, f"{photo.name} was deleted.")
    photo.delete()
    return redirect("images:list")

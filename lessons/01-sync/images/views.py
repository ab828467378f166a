import time

from django.contrib import messages
from django.core.paginator import Paginator
from django.shortcuts import get_object_or_404, redirect, render
from django.template.defaultfilters import pluralize
from django.views.decorators.http import require_POST

from .forms import NotStored, UploadForm
from .models import UploadedImage
from .pictures import UnreadablePicture
from .resizing import resize


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
    # TODO 1.4: open photo.image through the storage, resize() it, and pass the result and the resize time in
    # seconds to photo.attach_resized(). If resize() raises UnreadablePicture, pass a reason for the
    # visitor to photo.fail(). Catch no other exception, and call attach_resized() outside the `try` block.


def add_upload_messages(request, photos, seconds):
    """Tell the visitor on the next page what happened to the photos of this upload."""
    resized = sum(photo.is_processed for photo in photos)
    if resized:
        messages.success(request, f"{resized} photo{pluralize(resized)} resized in {seconds:.2f} s.")
    for photo in photos:
        if photo.failure_reason:
            messages.error(request, f"{photo.name}: {photo.failure_reason}")


def detail(request, pk):
    return render(request, "images/detail.html", {"photo": get_object_or_404(UploadedImage, pk=pk)})


@require_POST
def delete(request, pk):
    photo = get_object_or_404(UploadedImage, pk=pk)
    messages.success(request, f"{photo.name} was deleted.")
    photo.delete()
    return redirect("images:list")

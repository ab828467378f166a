import time

from django.contrib import messages
from django.core.paginator import Paginator
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST
from PIL import Image

from .forms import UploadForm
from .models import UploadedImage
from .resizing import resize


def photo_list(request):
    paginator = Paginator(UploadedImage.objects.all(), 24)
    return render(request, "images/list.html", {"page": paginator.get_page(request.GET.get("page"))})


def upload(request):
    form = UploadForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        started = time.perf_counter()
        photos = form.save()
        for photo in photos:
            resize_photo(request, photo)
        resized = sum(photo.is_processed for photo in photos)
        seconds = time.perf_counter() - started
        if resized:
            noun = "photo" if resized == 1 else "photos"
            messages.success(request, f"{resized} {noun} resized in {seconds:.2f} s.")
        return redirect("images:list")
    return render(request, "images/upload.html", {"form": form})


def resize_photo(request, photo):
    """Resize one uploaded photo now. A picture that cannot be decoded is kept, with the reason."""
    started = time.perf_counter()
    try:
        with photo.image.open("rb") as file:
            resized = resize(file)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        photo.failure_reason = "This picture is damaged or cut short."
        photo.save(update_fields=["failure_reason"])
        messages.error(request, f"{photo.name}: {photo.failure_reason}")
    else:
        photo.attach_resized(resized, time.perf_counter() - started)


def detail(request, pk):
    return render(request, "images/detail.html", {"photo": get_object_or_404(UploadedImage, pk=pk)})


@require_POST
def delete(request, pk):
    photo = get_object_or_404(UploadedImage, pk=pk)
    photo.delete()
    photo.image.delete(save=False)
    photo.resized_image.delete(save=False)
    messages.success(request, f"{photo.name} is deleted.")
    return redirect("images:list")

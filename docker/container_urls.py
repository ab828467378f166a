"""The project's addresses, and its resized photos and ZIP files, which elsewhere a web server sends."""

from container_health import health
from django.conf import settings
from django.urls import path, re_path
from django.views.static import serve
from myproject.urls import urlpatterns

SHOWN = {"image/jpeg", "image/png", "image/webp", "image/gif", "application/zip"}


def media(request, folder, path):
    """A public file. Anything but a picture is saved by the browser, and never shown as a page."""
    response = serve(request, path, document_root=settings.MEDIA_ROOT / folder)
    if response.headers.get("Content-Type") not in SHOWN:
        response.headers["Content-Type"] = "application/octet-stream"
    return response


urlpatterns = [
    path("health/all/", health),
    *urlpatterns,
    re_path(r"^media/(?P<folder>resized|exports)/(?P<path>.+)$", media),
]

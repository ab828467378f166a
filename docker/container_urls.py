"""The project's URLs, plus resized photos and ZIP files, which a web server would normally serve."""

from container_health import health
from django.conf import settings
from django.urls import path, re_path
from django.views.static import serve
from myproject.urls import urlpatterns

SHOWN = {"image/jpeg", "image/png", "image/webp", "image/gif", "application/zip"}


def media(request, folder, path):
    """Serve a public file. The browser downloads every file that isn't an image instead of displaying it."""
    response = serve(request, path, document_root=settings.MEDIA_ROOT / folder)
    if response.headers.get("Content-Type") not in SHOWN:
        response.headers["Content-Type"] = "application/octet-stream"
    return response


urlpatterns = [
    path("health/all/", health),
    *urlpatterns,
    re_path(r"^media/(?P<folder>resized|exports)/(?P<path>.+)$", media),
]

from django.conf import settings
from django.conf.urls.static import static
from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("", include("images.urls")),
    path("", include("upkeep.access")),
    # The originals in uploads/ are private: the admin has a download for staff.
    *static(f"{settings.MEDIA_URL}resized/", document_root=settings.MEDIA_ROOT / "resized"),
    *static(f"{settings.MEDIA_URL}exports/", document_root=settings.MEDIA_ROOT / "exports"),
]

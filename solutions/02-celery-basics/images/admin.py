from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import FileResponse, Http404
from django.shortcuts import get_object_or_404
from django.urls import path, reverse
from django.utils.html import format_html

from .models import UploadedImage
from .pictures import name_and_type, picture_format


@admin.register(UploadedImage)
class UploadedImageAdmin(admin.ModelAdmin):
    """Staff can view and delete photos. Only the site and its tasks write the rows."""

    list_display = ["name", "uploaded_at", "state", "failure_reason"]
    list_filter = ["is_processed", ("failure_reason", admin.EmptyFieldListFilter)]
    exclude = ["image"]  # otherwise it would be a link to an address that the site doesn't serve
    readonly_fields = ["original", "state", "uploaded_at"]

    @admin.display
    def state(self, photo):
        return photo.state.label

    @admin.display
    def original(self, photo):
        return format_html('<a href="{}">Download</a>', reverse("admin:images_original", args=[photo.pk]))

    def get_urls(self):
        download = self.admin_site.admin_view(self.download_original)
        return [path("<int:pk>/original/", download, name="images_original"), *super().get_urls()]

    def download_original(self, request, pk):
        """A link to the original photo. It may reveal where it was taken, so only staff can download it."""
        photo = get_object_or_404(UploadedImage, pk=pk)
        if not self.has_view_permission(request, photo):
            raise PermissionDenied
        try:
            file = photo.image.open("rb")
        except FileNotFoundError:
            raise Http404(f"The file of {photo.name} is gone.") from None
        name, media_type = name_and_type(photo.name, picture_format(file))
        return FileResponse(file, as_attachment=True, filename=name, content_type=media_type)

    def has_add_permission(self, request):
        return False

    def has_change_permission(self, request, obj=None):
        return False

    def delete_queryset(self, request, queryset):
        for photo in queryset:
            photo.delete()  # removes its files too; QuerySet.delete() would leave them

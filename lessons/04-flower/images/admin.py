from django.contrib import admin, messages
from django.template.defaultfilters import pluralize

from .models import UploadedImage
from .queueing import retry


@admin.register(UploadedImage)
class UploadedImageAdmin(admin.ModelAdmin):
    """Staff can view, retry and delete photos. Only the site and its tasks write the rows."""

    actions = ["retry_selected"]
    list_display = ["name", "uploaded_at", "state", "failure_reason"]
    list_filter = ["is_processed", ("failure_reason", admin.EmptyFieldListFilter)]
    readonly_fields = ["state", "uploaded_at"]

    @admin.display
    def state(self, photo):
        return photo.state.label

    @admin.action(description="Retry selected photos", permissions=["retry"])
    def retry_selected(self, request, queryset):
        photos = retry(queryset)
        queued = sum(photo.state == UploadedImage.State.WAITING for photo in photos)
        self.message_user(request, f"{queued} photo{pluralize(queued)} queued again.")
        if queued < len(photos):
            self.message_user(request, "The broker does not answer. Try again later.", messages.WARNING)

    def has_retry_permission(self, request):
        return request.user.has_perm("images.change_uploadedimage")

    def has_add_permission(self, request):
        return False

    def has_change_permission(self, request, obj=None):
        return False

    def delete_queryset(self, request, queryset):
        for photo in queryset:
            photo.delete()  # removes its files too; QuerySet.delete() would leave them

from django.contrib import admin

from .models import UploadedImage


@admin.register(UploadedImage)
class UploadedImageAdmin(admin.ModelAdmin):
    """Staff can view and delete photos. Only the site and its tasks write the rows."""

    list_display = ["name", "uploaded_at", "state", "failure_reason"]
    list_filter = ["is_processed", ("failure_reason", admin.EmptyFieldListFilter)]
    readonly_fields = ["state", "uploaded_at"]

    @admin.display
    def state(self, photo):
        return photo.state.label

    def has_add_permission(self, request):
        return False

    def has_change_permission(self, request, obj=None):
        return False

    def delete_queryset(self, request, queryset):
        for photo in queryset:
            photo.delete()  # removes its files too; QuerySet.delete() would leave them

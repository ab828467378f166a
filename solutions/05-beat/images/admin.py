from django.contrib import admin

from .models import UploadedImage


@admin.register(UploadedImage)
class UploadedImageAdmin(admin.ModelAdmin):
    list_display = ["name", "uploaded_at", "is_processed", "failure_reason"]
    list_filter = ["is_processed"]

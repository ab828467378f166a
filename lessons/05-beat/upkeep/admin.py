from django.contrib import admin

from .models import Delivery, Subscriber

admin.site.register(Subscriber)


@admin.register(Delivery)
class DeliveryAdmin(admin.ModelAdmin):
    """Which reports were sent. Only the tasks write the rows: if one is deleted, its report is sent again."""

    list_display = ["day", "email", "sent_at"]
    list_filter = ["day"]

    def has_add_permission(self, request):
        return False

    def has_change_permission(self, request, obj=None):
        return False

    def has_delete_permission(self, request, obj=None):
        return False

from django.contrib import admin

from .models import Delivery, Subscriber

admin.site.register(Subscriber)


@admin.register(Delivery)
class DeliveryAdmin(admin.ModelAdmin):
    list_display = ["day", "email", "sent_at"]
    list_filter = ["day"]

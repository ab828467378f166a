from django.urls import path

from . import batch_views, views

app_name = "images"

urlpatterns = [
    path("", views.photo_list, name="list"),
    path("upload/", views.upload, name="upload"),
    path("photos/<int:pk>/", views.detail, name="detail"),
    path("photos/states/", views.states, name="states"),
    path("photos/<int:pk>/try-again/", views.try_again, name="try_again"),
    path("photos/<int:pk>/delete/", views.delete, name="delete"),
    path("photos/<int:pk>/describe/", views.describe, name="describe"),
    path("photos/<int:pk>/describe-later/", views.describe_later, name="describe_later"),
    path("photos/export-zip/", batch_views.export_zip, name="export_zip"),
    path("photos/summarize/", batch_views.summarize, name="summarize"),
    path("batches/<uuid:task_id>/", batch_views.batch, name="batch"),
    path("batches/<uuid:task_id>/status/", batch_views.batch_status, name="batch_status"),
    path("tasks/<uuid:task_id>/", views.task_status, name="task_status"),
    path("tasks/<uuid:task_id>/forget/", views.task_forget, name="task_forget"),
]

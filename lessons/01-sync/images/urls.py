from django.urls import path

from . import views

app_name = "images"

urlpatterns = [
    path("", views.photo_list, name="list"),
    path("upload/", views.upload, name="upload"),
    path("photos/<int:pk>/", views.detail, name="detail"),
    path("photos/<int:pk>/delete/", views.delete, name="delete"),
]

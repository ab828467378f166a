"""Access to the site: the login page, and views for nginx and a load balancer."""

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import LoginView, LogoutView
from django.http import HttpRequest, HttpResponse
from django.urls import path
from images.models import UploadedImage


@login_not_required
def signed_in(request: HttpRequest) -> HttpResponse:
    """Respond with 204 if this visitor may open the site, otherwise with 401. For nginx's auth_request."""
    allowed = request.user.is_authenticated or not settings.LOGIN_REQUIRED
    return HttpResponse(status=204 if allowed else 401)


@login_not_required
def health(request: HttpRequest) -> HttpResponse:
    """Respond with 200 if the database responds. This says nothing about the workers."""
    UploadedImage.objects.exists()
    return HttpResponse("The site and its database respond.\n", content_type="text/plain")


urlpatterns = [
    path("login/", LoginView.as_view(template_name="upkeep/login.html"), name="login"),
    path("logout/", LogoutView.as_view(next_page="login"), name="logout"),
    path("signed-in/", signed_in),
    path("health/", health),
]

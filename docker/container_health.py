"""The page /health/all/, which a container's health check requests."""

from celery import current_app
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.core.files.storage import default_storage
from django.db import connection
from django.http import HttpRequest, HttpResponse

PATIENCE = 3  # seconds


def database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def storage() -> None:
    if hasattr(default_storage, "bucket_name"):
        default_storage.connection.meta.client.head_bucket(Bucket=default_storage.bucket_name)


def broker() -> None:
    if hasattr(settings, "CELERY_BROKER_URL"):
        with current_app.connection_for_write(connect_timeout=PATIENCE) as link:
            link.ensure_connection(max_retries=1, interval_start=0, timeout=PATIENCE)
            link.default_channel.close()


@login_not_required
def health(request: HttpRequest) -> HttpResponse:
    """Return 200 if the database, the storage and the broker respond, and otherwise 503 with the reasons."""
    reasons = []
    for check in (database, storage, broker):
        try:
            check()
        except Exception as error:
            reasons.append(f"The {check.__name__} cannot be used: {error}\n")
    return HttpResponse(reasons or ["ok\n"], status=503 if reasons else 200, content_type="text/plain")

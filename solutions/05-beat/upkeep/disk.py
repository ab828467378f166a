"""Refuse uploads before the disk is full: the database, the worker and the backup need space as well."""

import shutil

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render

FILLS_THE_DISK = ("images:upload", "images:export_zip")


def is_nearly_full(more_bytes: int = 0) -> bool:
    """Return True if writing `more_bytes` would leave less than settings.MIN_FREE_BYTES free."""
    return shutil.disk_usage(settings.DATA_DIR).free - more_bytes < settings.MIN_FREE_BYTES


class KeepSpace:
    """Middleware that responds to uploads and ZIP exports with an error page if the disk is nearly full.

    It must be before CsrfViewMiddleware, which reads the whole upload.
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        return self.get_response(request)

    def process_view(self, request, view_func, view_args, view_kwargs) -> HttpResponse | None:
        if request.method != "POST" or request.resolver_match.view_name not in FILLS_THE_DISK:
            return None
        if not is_nearly_full(int(request.headers.get("Content-Length") or 0)):
            return None
        return render(request, "upkeep/full.html", status=507)

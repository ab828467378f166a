"""Upload three photos while no broker is running, and show the response. Takes up to 20 seconds."""

import logging
import time

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from images.models import UploadedImage

logging.disable()
content = UploadedImage.objects.earliest("pk").image.read()
files = [SimpleUploadedFile(f"offline-{number}.jpg", content) for number in (1, 2, 3)]
client = Client(raise_request_exception=False, SERVER_NAME="localhost")
started = time.monotonic()
response = client.post("/upload/", {"images": files})
print(f"status {response.status_code} after {time.monotonic() - started:.1f} s")
if error := getattr(response, "exc_info", None):
    print(f"{error[0].__module__}.{error[0].__name__}: {' '.join(str(error[1]).split())}")
for photo in UploadedImage.objects.all()[:3]:
    print(f"{photo.name}: {photo.state.label}")

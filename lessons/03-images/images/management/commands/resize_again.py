from django.core.management.base import BaseCommand

from images.models import UploadedImage
from images.tasks import resize_again_task


class Command(BaseCommand):
    help = "Resize the newest photos again, slowly, beside the uploads: after a change of size or quality."

    def add_arguments(self, parser):
        # Waiting for the rate limit they are held by the worker, and must not be held for an hour.
        parser.add_argument("--limit", type=int, default=1000, help="how many photos; 1000 by default")

    def handle(self, limit, **options):
        image_ids = UploadedImage.objects.values_list("pk", flat=True)[:limit]
        for image_id in image_ids:
            resize_again_task.delay(image_id)
        self.stdout.write(f"{len(image_ids)} photos are queued to be resized again.")

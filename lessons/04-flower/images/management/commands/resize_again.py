from django.core.management.base import BaseCommand, CommandError
from django.db.models import Q
from kombu.exceptions import OperationalError

from images.models import UploadedImage
from images.tasks import resize_again_task


class Command(BaseCommand):
    help = "Resize the newest photos again, for example after a change of quality. Uploads still come first."

    def add_arguments(self, parser):
        # At two a second, 1000 photos take a worker more than eight minutes.
        parser.add_argument("--limit", type=int, default=1000, help="how many photos (default: 1000)")

    def handle(self, limit, **options):
        if limit < 0:
            raise CommandError(f"--limit is {limit}, but it must not be negative.")
        # Pending photos already have a message, and failed photos stay failed.
        photos = UploadedImage.objects.filter(Q(is_processed=True) | Q(queued_at=None, failure_reason=""))
        image_ids = photos.values_list("pk", flat=True)[:limit]
        try:
            for image_id in image_ids:
                resize_again_task.delay(image_id)
        except OperationalError as error:
            raise CommandError(
                f"The broker doesn't respond. Start it, or correct REDIS_URL. ({error})"
            ) from None
        self.stdout.write(f"{len(image_ids)} photos are queued to be resized again.")

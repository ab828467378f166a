"""Print the numbers to check every few minutes. Usage: photos-manage shell -v 0 < watch.py"""

from datetime import timedelta

from celery import current_app
from django.utils import timezone
from images.management.commands.workers import queue_lengths, responding_workers
from images.models import UploadedImage
from upkeep.sweeping import longest_wait

now = timezone.now()
waiting = UploadedImage.objects.pending()
failed = UploadedImage.objects.exclude(failure_reason="").filter(uploaded_at__gt=now - timedelta(days=1))

with current_app.connection_for_read() as connection:
    redis = connection.default_channel.client.info("memory")

print("workers that answer:", ", ".join(responding_workers()) or "none")
print("messages waiting:", queue_lengths())
print("memory of Redis:", redis["used_memory_human"], "of", redis["maxmemory_human"])
print("photos waiting:", waiting.count(), "the oldest for", int(longest_wait(now)), "seconds")
print("photos failed since yesterday:", failed.count())

"""Send three tasks with delay_on_commit and no broker. Print how many calls are made and what is raised."""

from unittest import mock

from django.db import transaction
from images.tasks import resize_image_task
from kombu.exceptions import OperationalError

calls = []


def no_broker(image_id):
    calls.append(image_id)
    raise OperationalError("Connection refused.")


with mock.patch.object(resize_image_task, "delay", no_broker):
    try:
        with transaction.atomic():
            for image_id in (1, 2, 3):
                resize_image_task.delay_on_commit(image_id)
            print(f"inside the transaction: {calls}")
    except OperationalError as error:
        print(f"after it: {calls}, and the view gets OperationalError: {error}")

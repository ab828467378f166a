"""Print the states of tasks. Start a worker, then run: python manage.py shell < states.py"""

import sys
import uuid

sys.path.append("../../docs/runs")

import services
from celery.result import AsyncResult
from images.models import UploadedImage
from images.tasks import describe_photo_task

services.require_worker()


def tell(what, task):
    print(f"{what:<34} {task.state:<8} {task.result!r}")


tell("a made-up id", AsyncResult(str(uuid.uuid4())))

done = describe_photo_task.delay(UploadedImage.objects.earliest("pk").pk)
done.get(timeout=10)
tell("a finished task", done)

failed = describe_photo_task.delay(0)
failed.get(timeout=10, propagate=False)
tell("a failed task", failed)
print(failed.traceback.splitlines()[-1])

done.forget()
tell("the finished task, forgotten", AsyncResult(done.id))

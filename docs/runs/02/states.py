"""Print the states of tasks. Start a worker, then run: python manage.py shell < states.py"""

import uuid

from celery.result import AsyncResult
from images.models import UploadedImage
from images.tasks import describe_photo_task


def tell(what, task):
    print(f"{what:<34} {task.state:<8} {task.result!r}")


tell("an id that I made up", AsyncResult(str(uuid.uuid4())))

done = describe_photo_task.delay(UploadedImage.objects.earliest("pk").pk)
done.get(timeout=10)
tell("a task that is done", done)

failed = describe_photo_task.delay(0)
failed.get(timeout=10, propagate=False)
tell("a task that failed", failed)
print(failed.traceback.splitlines()[-1])

done.forget()
tell("the first one, forgotten", AsyncResult(done.id))

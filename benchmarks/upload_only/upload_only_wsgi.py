"""The site of lesson 03 for gunicorn, but an upload is only received and saved.

The upload sends no message, so nothing is left to do for a worker. Start gunicorn in the project's folder:

    gunicorn upload_only_wsgi:application --pythonpath FOLDER_OF_THIS_FILE
"""

from myproject.wsgi import application  # noqa: F401  loads Django first

from images.tasks import resize_image_task  # isort: skip

resize_image_task.delay = lambda image_id: None

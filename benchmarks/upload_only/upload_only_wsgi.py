"""A WSGI application for a variant of lesson 03's site that only receives and saves uploads.

An upload sends no message, so a worker would have nothing to do. Start gunicorn in the project's folder:

    gunicorn upload_only_wsgi:application --pythonpath FOLDER_OF_THIS_FILE
"""

from myproject.wsgi import application  # noqa: F401  loads Django first

from images.tasks import resize_image_task  # isort: skip

resize_image_task.delay = lambda image_id: None

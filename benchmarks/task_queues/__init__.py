"""Compare Celery with RQ, Dramatiq, Huey and django-tasks (`./workshop bench field`)."""

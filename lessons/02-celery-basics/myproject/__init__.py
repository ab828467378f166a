# TODO 2.2: import the Celery app from celery.py so that every process that starts Django loads the app.

"""Compare Celery with RQ, Dramatiq, Huey and django-tasks (`./workshop bench field`).

`libraries.py` lists what is compared, and apps/ has the app of each library. `trial.py` runs one library,
`speed.py` and `loss.py` measure it, and `report.py` makes the tables.
"""

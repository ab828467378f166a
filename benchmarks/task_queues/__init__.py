"""Compare Celery with RQ, Dramatiq, Huey and django-tasks (`./workshop bench field`).

`libraries.py` lists the libraries, and apps/ contains an app for each of them. `trial.py` runs one library,
`speed.py` and `loss.py` measure the library, and `report.py` creates the tables.
"""

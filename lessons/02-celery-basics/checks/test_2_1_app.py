import pytest

from workshop.checkkit import complain, expect, until

pytestmark = pytest.mark.step("2.1")

SETTINGS = "myproject/settings.py"


def test_result_backend(app, monkeypatch):
    """Results go to the result backend of the settings."""
    found = app.conf.result_backend
    expect(
        found == app.conf.broker_url,
        "the app does not keep results where the settings say.",
        "Without a result backend a task's state is never known: AsyncResult has nobody to ask.",
        expected=f"CELERY_RESULT_BACKEND = {app.conf.broker_url!r}, from REDIS_URL",
        found=repr(found),
        file=SETTINGS,
    )


def test_json_only(app):
    """Messages and results are JSON, and nothing else is accepted."""
    found = {name: app.conf[name] for name in ("task_serializer", "result_serializer", "accept_content")}
    expect(
        found["task_serializer"] == found["result_serializer"] == "json"
        and list(found["accept_content"]) in (["json"], ["application/json"]),
        "the app takes or sends something else than JSON.",
        "Pickle, for one, runs code that a message brings along: whoever can write to the broker owns the worker.",
        **found,
        file=SETTINGS,
    )


def test_time_zone(settings, app):
    """CELERY_TIMEZONE comes from the environment and is Asia/Shanghai without it."""
    found = getattr(settings, "CELERY_TIMEZONE", None)
    expect(
        found == "Asia/Shanghai" == str(app.conf.timezone),
        "the schedule's time zone is not set.",
        expected='CELERY_TIMEZONE = "Asia/Shanghai", unless the environment has another',
        found=repr(found),
        file=SETTINGS,
    )


def test_worker_runs_debug_task(app, worker):
    """A worker starts, knows debug_task and runs it."""
    name = "myproject.celery.debug_task"
    if name not in app.tasks:
        complain(
            "the app has no debug_task.",
            "@app.task registers a function of this module under the module's name and its own.",
            expected=name,
            file="myproject/celery.py",
        )
    result = app.tasks[name].delay()
    expect(
        until(lambda: result.id in worker.log and f"{name}[{result.id}] succeeded" in worker.log),
        "debug_task was sent, and the worker did not run it to its end.",
        worker_says="\n".join(line for line in worker.log.splitlines() if result.id in line) or "nothing",
        file="myproject/celery.py",
    )
    expect(
        not app.backend.client.exists(f"celery-task-meta-{result.id}"),
        "the result of debug_task was kept, though nobody reads it.",
        "ignore_result=True: the worker writes no result, and Redis keeps one entry less.",
        file="myproject/celery.py, debug_task()",
    )


def test_finds_tasks_of_apps(app):
    """The app looks for tasks in every installed app."""
    import ast
    from pathlib import Path

    calls = {
        node.func.attr
        for node in ast.walk(ast.parse(Path("myproject/celery.py").read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }
    app.loader.import_default_modules()
    listed = [*app.conf.include, *app.conf.imports]
    expect(
        "autodiscover_tasks" in calls or "images.tasks" in listed,
        "the app does not look for tasks in images/tasks.py.",
        "The web process finds them because the views import them. The worker has no views: it would say "
        "'Received unregistered task'. autodiscover_tasks() looks into every installed app.",
        file="myproject/celery.py",
    )

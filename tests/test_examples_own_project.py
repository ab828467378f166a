"""docs/examples/own-project: the finished project has the same settings, and the columns suit old code."""

import os
import re
import runpy
import subprocess
import sys

import pytest
import servers

from workshop import paths
from workshop.docsite import settings_page

EXAMPLE = paths.DOCS / "examples/own-project"
OWN = {"REDIS_URL", "CELERY_TASK_QUEUES", "CELERY_TIMEZONE", "CELERY_BEAT_SCHEDULE", "SWEEP_AFTER"}
"""Settings with another value in the finished project, or with a value that is not a literal."""


@pytest.mark.parametrize("file", ["celery_settings.py", "beat_settings.py"])
def test_values_are_those_of_the_finished_project(file):
    found = {k: v for k, v in runpy.run_path(str(EXAMPLE / file)).items() if k.isupper()}
    for name in found.keys() - OWN:
        there = settings_page.setting(name)
        here = re.search(rf"^{name} = (.+?)(  #.*)?$", (EXAMPLE / file).read_text(encoding="utf-8"), re.M)[1]
        if not re.search(r"REDIS_URL|CELERY_BROKER_URL|redis_url", there):
            assert eval(there, {}) == eval(here, {}) == found[name], name
    for name in found:
        if name.startswith("CELERY_"):
            assert name.removeprefix("CELERY_").lower() in settings_page.celery_options(), name


MIGRATE = """
import dj_database_url
import django
from django.conf import settings
settings.configure(DATABASES={"default": dj_database_url.config()})
django.setup()
from django.db import connection, models
from django.db.migrations.operations import AddField, CreateModel
from django.db.migrations.state import ProjectState
from state import WorkState

def migrate(state, *operations):
    for operation in operations:
        before, state = state, state.clone()
        operation.state_forwards("shop", state)
        with connection.schema_editor() as editor:
            operation.database_forwards("shop", editor, before, state)
    return state

columns = [("id", models.AutoField(primary_key=True)), ("name", models.CharField(max_length=20))]
old = migrate(ProjectState(), CreateModel("Report", columns))
old_code = old.apps.get_model("shop", "Report").objects
old_code.create(name="before")
new = migrate(old, *[AddField("Report", field.name, field.clone()) for field in WorkState._meta.fields])
old_code.create(name="by old code")
new_code = new.apps.get_model("shop", "Report").objects
new_code.create(name="by new code")
print(list(new_code.order_by("pk").values_list("is_processed", "failure_reason", "sent_again")))
"""


def old_rows_and_rows_by_old_code_are_done(address):
    done = subprocess.run(
        [sys.executable, "-c", MIGRATE],
        cwd=EXAMPLE,
        env=os.environ | {"DATABASE_URL": address, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.strip() == "[(True, '', 0), (True, '', 0), (False, '', 0)]", done.stderr


def test_columns_with_sqlite():
    old_rows_and_rows_by_old_code_are_done("sqlite://:memory:")


def test_columns_with_postgresql():
    with servers.postgres() as address:
        old_rows_and_rows_by_old_code_are_done(address)

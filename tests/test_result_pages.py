"""Pages about tasks: a click sends one message, an export survives a deletion, all questions have answers."""

import shutil
import sys
from pathlib import Path

import pytest
from test_photo_state import QUEUED, SOLUTIONS, migrated, run, variables  # noqa: F401

from workshop.runtime.broker import Broker
from workshop.system.ports import free_port

INSIDE = Path(__file__).with_name("results_inside.py")
WITH_BATCHES = [name for name in SOLUTIONS if name >= "04"]


@pytest.fixture
def broker():
    with Broker(prefer=None) as broker:
        yield broker.url


@pytest.fixture
def nowhere():
    return f"redis://localhost:{free_port()}/0"


@pytest.fixture
def inside(migrated, tmp_path):  # noqa: F811
    """inside(name, test, url) runs a test of results_inside.py in a solution, with a fresh database."""

    def start(name, test, url):
        data = tmp_path / "data"
        shutil.copytree(migrated(name), data)
        run([sys.executable, str(INSIDE), test], name, variables(data, REDIS_URL=url))

    return start


@pytest.mark.parametrize("name", QUEUED)
@pytest.mark.parametrize(
    "test",
    [
        "two_clicks_send_one_message",
        "many_clicks_at_once_send_one_message",
        "a_click_while_messages_are_sent",
        "resize_again_leaves_waiting_photos_alone",
    ],
)
def test_one_message_for_each_photo(inside, broker, name, test):
    inside(name, test, broker)


@pytest.mark.parametrize("name", QUEUED)
def test_a_click_without_a_broker_can_be_repeated(inside, nowhere, name):
    inside(name, "a_click_without_a_broker_can_be_repeated", nowhere)


@pytest.mark.parametrize("name", WITH_BATCHES)
def test_a_zip_export_leaves_out_what_is_gone(inside, broker, name):
    inside(name, "a_zip_export_leaves_out_what_is_gone", broker)


@pytest.mark.parametrize("name", [name for name in SOLUTIONS if name >= "02"])
def test_pages_answer_without_a_result_backend(inside, nowhere, name):
    inside(name, "answers_without_a_result_backend", nowhere)


@pytest.mark.parametrize("name", WITH_BATCHES)
@pytest.mark.parametrize("test", ["answers_for_every_result", "answers_while_the_task_ends"])
def test_pages_answer(inside, broker, name, test):
    inside(name, test, broker)

"""Pages about tasks: a click sends one message, an export skips deleted photos, each query gets an answer."""

import pytest
from projects import since


@pytest.mark.parametrize("name", since("03"))
@pytest.mark.parametrize(
    "test",
    [
        "two_clicks_send_one_message",
        "many_clicks_at_once_send_one_message",
        "a_click_while_messages_are_sent",
        "resize_again_leaves_waiting_photos_alone",
    ],
)
def test_one_message_for_each_photo(solution, broker, name, test):
    solution(name, REDIS_URL=broker.url).call(f"result_pages.{test}")


@pytest.mark.parametrize("name", since("03"))
def test_a_click_without_a_broker_can_be_repeated(solution, no_broker, name):
    solution(name, REDIS_URL=no_broker).call("result_pages.a_click_without_a_broker_can_be_repeated")


@pytest.mark.parametrize("name", since("03"))
@pytest.mark.parametrize(
    ("options", "says"),
    [
        ([], "CommandError: The broker doesn't respond. Start it, or correct REDIS_URL."),
        (["--limit", "-1"], "CommandError: --limit is -1, but it must not be negative."),
    ],
)
def test_resize_again_says_why_it_sends_nothing(solution, no_broker, name, options, says):
    project = solution(name, REDIS_URL=no_broker)
    project.shell(
        "from images.models import UploadedImage\nUploadedImage.objects.create(image='uploads/a.jpg')"
    )
    assert project.manage("resize_again", *options, fails=True).startswith(says)


@pytest.mark.parametrize("name", since("04"))
def test_a_zip_export_leaves_out_what_is_gone(solution, broker, name):
    solution(name, REDIS_URL=broker.url).call("result_pages.a_zip_export_leaves_out_what_is_gone")


@pytest.mark.parametrize("name", since("04"))
def test_a_zip_export_uses_the_folder_for_uploads(solution, broker, name, tmp_path):
    """In a container, the folder for temporary files is in memory."""
    test = "result_pages.a_zip_export_uses_the_folder_for_uploads"
    solution(name, REDIS_URL=broker.url).call(test, str(tmp_path))


@pytest.mark.parametrize("name", since("02"))
def test_pages_answer_without_a_result_backend(solution, no_broker, name):
    solution(name, REDIS_URL=no_broker).call("result_pages.answers_without_a_result_backend")


@pytest.mark.parametrize("name", since("04"))
@pytest.mark.parametrize("test", ["answers_for_every_result", "answers_while_the_task_ends"])
def test_pages_answer(solution, broker, name, test):
    solution(name, REDIS_URL=broker.url).call(f"result_pages.{test}")

"""The columns of a row stay consistent, whatever the admin, the tasks and two connections do to the photo."""

import pytest
from projects import SOLUTIONS, since


@pytest.mark.parametrize("name", SOLUTIONS)
@pytest.mark.parametrize(
    "test",
    [
        "the_database_refuses_contradictions",
        "each_possible_row_has_a_page",
        "the_admin_changes_no_column",
        "deletion_removes_the_files",
        "a_deletion_survives_a_storage_that_fails",
        "a_deleted_photo_leaves_no_resized_file",
        "a_late_failure_does_not_undo_a_resize",
        "a_resize_clears_the_failure",
        "failures_and_resizes_at_once",
    ],
)
def test_state(solution, broker, name, test):
    solution(name, REDIS_URL=broker.url).call(f"photo_state.{test}")


@pytest.mark.parametrize("name", since("03"))
def test_the_admin_retries(solution, broker, name):
    solution(name, REDIS_URL=broker.url).call("photo_state.the_admin_retries")


@pytest.mark.parametrize("name", since("03"))
def test_the_admin_retries_without_a_broker(solution, no_broker, name):
    solution(name, REDIS_URL=no_broker).call("photo_state.the_admin_retries_without_a_broker")


def test_deliveries_are_not_edited(solution, broker):
    solution("05-beat", REDIS_URL=broker.url).call("photo_state.deliveries_are_not_edited")

"""On a server, the finished site needs a login. It also refuses uploads if the disk is full."""

import pytest
from projects import PRODUCTION


@pytest.fixture
def server(solution):
    """server(**environment): the finished project, as on a server."""
    return lambda **environment: solution("05-beat", **PRODUCTION | environment)


@pytest.mark.parametrize("test", ["without_an_account", "on_a_full_disk"])
def test_on_a_server(server, test):
    server().call(f"login.{test}")


@pytest.mark.parametrize("variables", [{"LOGIN_REQUIRED": "0"}, {"DEBUG": "1"}])
def test_no_login_is_needed_on_your_own_machine(server, variables):
    server(**variables).call("login.open_site")


@pytest.mark.parametrize(
    ("variables", "complains"),
    [({}, False), ({"LOGIN_REQUIRED": "1"}, False), ({"LOGIN_REQUIRED": "0"}, True), ({"DEBUG": "1"}, False)],
)
def test_a_deployment_check_complains_about_a_site_without_login(server, variables, complains):
    done = server(ALLOWED_HOSTS="testserver", **variables).python("manage.py", "check", "--deploy")
    assert ("(upkeep.E002)" in done.stderr) == complains, done.stderr
    assert (done.returncode == 1) == complains

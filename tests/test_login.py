"""On a server, the finished site needs a login. It also refuses uploads if the disk is full."""

import pytest
from projects import PRODUCTION, SOLUTIONS


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


@pytest.mark.parametrize("name", SOLUTIONS)
def test_spaces_between_the_host_names_do_not_matter(solution, name):
    project = solution(name, ALLOWED_HOSTS="photos.example.com, www.photos.example.com", **PRODUCTION)
    hosts = project.shell("from django.conf import settings; print(settings.ALLOWED_HOSTS)")
    assert hosts == "['photos.example.com', 'www.photos.example.com']"

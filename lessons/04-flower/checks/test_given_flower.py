import re

import pytest

from workshop.checkkit import expect

# These checks use the running Flower of step 4.2.
pytestmark = [pytest.mark.step("given"), pytest.mark.same_process_as("4.2")]


def test_what_stays_open(app, monitor):
    """The password protects Flower's API, but two URLs for other programs stay open."""
    if not monitor.running:
        monitor.start("exec celery -A myproject flower --address=127.0.0.1")
    monitor.wait_ready()
    expect(monitor.responds(), "Flower did not start.", flower_says=monitor.last_error or "nothing")
    expect(
        monitor.get("/api/tasks", password=False).status_code == 401,
        "Flower's API works without a password.",
    )
    health, metrics = (monitor.get(path, password=False) for path in ("/healthcheck", "/metrics"))
    expect(health.text == "OK", "Flower's /healthcheck asks for a password.", found=health.status_code)
    expect(
        metrics.is_success and re.search(r"^# TYPE flower_", metrics.text, re.MULTILINE),
        "Flower's /metrics asks for a password.",
        found=metrics.status_code,
    )

"""Log lines of lessons 04 and 05: which request, task and photo they are about."""

import json
import os
import re
import signal
from pathlib import Path

import httpx
import pytest
from celery import Celery
from projects import PATIENCE, Project

from workshop.paths import SOLUTIONS
from workshop.photos import samples
from workshop.runtime.solution_site import Site
from workshop.system.waiting import until

PHOTO = samples.photo(800, 600)
REQUEST = re.compile(r"[0-9a-f]{12}")


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    yield from running(tmp_path_factory.mktemp("plain"), PRACTICE="1")


@pytest.fixture(scope="module")
def as_json(tmp_path_factory):
    yield from running(tmp_path_factory.mktemp("json"), LOG_FORMAT="json")


def running(folder: Path, **variables: str):
    site = Site("05-beat", folder, without={"flower", "beat"}, variables=variables)
    try:
        site.start()
        site.wait()
        yield site
    finally:
        site.stop()


@pytest.fixture
def browser(request):
    site = request.getfixturevalue(getattr(request, "param", "plain"))
    with httpx.Client(base_url=site.address, timeout=60) as client:
        client.get("/upload/")
        client.headers["X-CSRFToken"] = client.cookies["csrftoken"]
        yield client


def upload(browser: httpx.Client, content: bytes = PHOTO, **headers: str) -> str:
    """Upload a photo, and return the request ID of the response."""
    answer = browser.post("/upload/", files={"images": ("garden.jpg", content)}, headers=headers)
    assert answer.status_code == 302, answer.text
    return answer.headers["X-Request-ID"]


def lines(site: Site, *texts: str) -> list[str]:
    """Wait for lines of the site's log that contain all of `texts`, and return them."""

    def found() -> list[str]:
        log = site.log.read_text(encoding="utf-8").splitlines()
        return [line for line in log if all(text in line for text in texts)]

    assert until(found, PATIENCE), site.log.read_text(encoding="utf-8")
    return found()


def test_a_resize_names_its_photo_and_the_upload_that_caused_it(plain, browser):
    request = upload(browser)
    assert REQUEST.fullmatch(request)
    [line] = lines(plain, "resize_image_task", "succeeded", f"request={request}")
    assert re.search(r"photo=\d+ request=", line)
    assert "task=" not in line  # Celery's message names the task already


def test_the_request_id_of_a_proxy_is_taken_over(plain, browser):
    assert upload(browser, **{"X-Request-ID": "proxy-00000042"}) == "proxy-00000042"
    lines(plain, "succeeded", "request=proxy-00000042")


@pytest.mark.parametrize(
    "given", ["", "short", "x" * 65, "two words here", 'quote"quote"quote', "ümläut-ümläut"]
)
def test_an_id_that_does_not_fit_into_a_log_line_is_replaced(browser, given):
    answer = browser.get("/", headers={"X-Request-ID": given.encode()})
    assert REQUEST.fullmatch(answer.headers["X-Request-ID"])


def test_each_request_has_its_own_id(browser):
    assert len({browser.get("/").headers["X-Request-ID"] for _ in range(3)}) == 3


def test_a_retry_belongs_to_the_same_request(plain, browser):
    mode = plain.data / "storage-mode"  # of the app practice
    mode.write_text("down")
    try:
        request = upload(browser)
        lines(plain, "retry: Retry in", f"request={request}")
    finally:
        mode.write_text("ok")
    lines(plain, "succeeded", f"request={request}")


def pids_of_running_tasks(site: Site) -> list[int]:
    with Celery(broker=site.broker_url) as app:
        workers = app.control.inspect().active() or {}
    return [task["worker_pid"] for tasks in workers.values() for task in tasks]


def test_a_retry_after_a_lost_process_belongs_to_the_same_request(plain, browser):
    mode = plain.data / "storage-mode"
    mode.write_text("slow 600")
    try:
        request = upload(browser)
        assert until(lambda: pids_of_running_tasks(plain), PATIENCE)
        for pid in pids_of_running_tasks(plain):
            os.kill(pid, signal.SIGKILL)
    finally:
        mode.write_text("ok")
    lines(plain, "succeeded", f"request={request}")
    lines(plain, "retry: Retry in", "WorkerLostError")


def test_every_task_of_a_chord_belongs_to_the_request(plain, browser):
    upload(browser)
    lines(plain, "resize_image_task", "succeeded")
    request = browser.post("/photos/summarize/").headers["X-Request-ID"]
    lines(plain, "describe_for_summary_task", "succeeded", f"request={request}")
    [callback] = lines(plain, "summarize_task", "succeeded", f"request={request}")
    assert "photo=" not in callback


def describe_a_lost_photo(site: Site, browser: httpx.Client, **headers: str) -> str:
    """Let a task open a photo whose file is gone, and return the request ID of the response."""
    upload(browser)
    number = max(int(found) for found in re.findall(r"/photos/(\d+)/", browser.get("/").text))
    lines(site, "resize_image_task", "succeeded")
    for file in (site.data / "media/uploads").iterdir():
        file.unlink()
    return browser.post(f"/photos/{number}/describe/", headers=headers).headers["X-Request-ID"]


def test_an_exception_names_them_before_its_traceback(plain, browser):
    request = describe_a_lost_photo(plain, browser)
    [line] = lines(plain, "raised unexpected", f"request={request}")
    assert re.search(r"photo=\d+", line)


@pytest.mark.parametrize("browser", ["as_json"], indirect=True)
def test_json_has_one_object_a_line(as_json, browser):
    request = upload(browser)
    lines(as_json, "succeeded", request)
    describe_a_lost_photo(as_json, browser, **{"X-Request-ID": "request-of-a-lost-photo"})
    lines(as_json, "raised unexpected", "request-of-a-lost-photo")
    worker = [line.partition("| ")[2] for line in lines(as_json, "| {")]
    records = [json.loads(line) for line in worker]
    [done] = [each for each in records if each["request_id"] == request and "succeeded" in each["message"]]
    assert done["task_name"] == "images.tasks.resize_image_task"
    assert done["task_id"] in done["message"]
    assert done["photo_id"] >= 1
    assert (done["level"], done["logger"]) == ("INFO", "celery.app.trace")
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d.*\+00:00$", done["time"])
    [failed] = [
        each
        for each in records
        if each["request_id"] == "request-of-a-lost-photo" and "raised" in each["message"]
    ]
    assert "Traceback" in failed["exc_info"]


def test_another_format_is_refused(tmp_path):
    said = Project(SOLUTIONS / "05-beat", tmp_path).manage("check", fails=True, LOG_FORMAT="xml")
    assert "LOG_FORMAT is 'xml'. Set it to plain or json." in said

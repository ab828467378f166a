import re

import pytest

from workshop.checkkit import STARTING, complain, expect, photos, procfile, until
from workshop.checkkit.flower import Flower

pytestmark = pytest.mark.step("4.2")

CONFIG = "flowerconfig.py"
LOOPBACK = ("127.", "::1", "::ffff:127.")
VARIABLE = "FLOWER_BASIC_AUTH"
BUSY = "If your machine is very busy, run the check again."


@pytest.fixture
def line(lines):
    """The Procfile line that starts Flower."""
    service = lines.get("flower")
    if not service:
        other = next((each for each in lines.values() if "flower" in each.words), None)
        complain(
            "the Procfile has no process called flower.",
            f"Another line starts Flower: {procfile.shown(other)}. Rename this process to flower."
            if other
            else "A line in a Procfile consists of a name, a colon, and the command that you would type.",
            processes=", ".join(lines) or "no process",
            file="Procfile",
        )
    words = service.words
    facts = {"line": procfile.shown(service), "file": "Procfile"}
    expect("flower" in words, "the `flower` process does not start Flower.", **facts)
    before = words[: words.index("flower")]
    named = next(
        (i for i, word in enumerate(words) if word in ("-A", "--app") or word.startswith("--app=")), None
    )
    expect(
        named is None or named < len(before),
        "in the Procfile, -A comes after the word flower.",
        "flower is a subcommand of celery, but -A is an option of celery itself, so -A comes first. After "
        "the word flower, -A is ignored, so Flower looks for RabbitMQ on this machine.",
        **facts,
    )
    expect(
        (service.app or "").partition(":")[0].partition(".")[0] == "myproject",
        "the `flower` process does not load this project's Celery app.",
        "Flower reads the broker's address from the Celery app.",
        expected="celery -A myproject …",
        **facts,
    )
    return service


@pytest.fixture
def flower(app, line, monitor):
    """Flower, started with the Procfile's command, a password, and a free port."""
    monitor.start(line.shell_command)
    monitor.wait_ready()
    facts = {"line": procfile.shown(line), "file": f"Procfile, {CONFIG}"}
    elsewhere = sorted({port for _, port in monitor.listening()} - {monitor.port})
    busy = re.search(r"address already in use", monitor.log, re.IGNORECASE)
    if not monitor.responds() and (elsewhere or busy):
        complain(
            "Flower does not listen on the port in FLOWER_PORT.",
            "`./workshop up` chooses a free port, passes it to Flower in FLOWER_PORT, and prints it.",
            expected=f"port {monitor.port}",
            found=f"port {elsewhere[0]}" if elsewhere else "another port, which is busy",
            **facts,
        )
    expect(
        monitor.responds(),
        "Flower did not start, even though FLOWER_BASIC_AUTH and FLOWER_PORT were set."
        if not monitor.running
        else f"Flower started but did not respond within {STARTING} seconds.",
        BUSY if monitor.running else "",
        flower_says=monitor.last_error or "nothing",
        **facts,
    )
    return monitor


def message_in(log):
    """Return the text after the traceback as one line, or the whole log if there is no traceback."""
    lines = log.strip().splitlines()
    in_traceback = [number for number, line in enumerate(lines) if line.startswith("  ")]
    return " ".join(lines[in_traceback[-1] + 1 :] if "Traceback" in log else lines)


def says_what_to_do(text):
    """Return a true value if the message is more than just the name of the variable or an exception."""
    sentence = re.sub(r"^(?:\w+\.)*\w*(?:Error|Exception|Exit)\b:?", "", text).strip(" '\"")
    return re.search(rf"{VARIABLE}|password", sentence, re.IGNORECASE) and sentence != VARIABLE


def test_not_without_a_password(app, line, monitor):
    """Without a password, Flower refuses to start and says what to do."""
    monitor.start(line.shell_command)  # the one with a password starts in the meantime
    bare = Flower(monitor.folder)
    bare.start(line.shell_command, password=False)
    try:
        bare.wait_ready()
        started, said = bare.running, bare.last_error
        log = bare.log
    finally:
        bare.stop()
    expect(
        not started,
        f"{VARIABLE} was not set, but Flower started anyway.",
        "If someone forgets this variable, Flower starts without protection and without a warning.",
        line=procfile.shown(line),
        file=CONFIG,
    )
    busy = re.search(r"Port (\d+) is taken", said)
    expect(
        not busy or int(busy[1]) == bare.port,
        "Flower does not listen on the port in FLOWER_PORT.",
        "`./workshop up` chooses a free port, passes it to Flower in FLOWER_PORT, and prints it.",
        expected=f"port {bare.port}",
        found=busy and f"port {busy[1]}",
        file=CONFIG,
    )
    for_another_reason = said and not re.search(rf"{VARIABLE}|password", said + log, re.IGNORECASE)
    expect(
        not for_another_reason or "AssertionError" in said,
        f"without {VARIABLE}, Flower stopped for a different reason.",
        flower_says=said,
        file=CONFIG,
    )
    expect(
        says_what_to_do(message_in(log)),
        f"without {VARIABLE}, Flower stopped but did not say what to do.",
        f"Raise SystemExit with a message that mentions {VARIABLE}. Python prints the message and exits.",
        flower_says=said or "nothing",
        file=CONFIG,
    )


def test_this_machine_only(flower, line):
    """Flower accepts connections only from this machine."""
    found = sorted({address for address, _ in flower.listening()})
    expect(
        all(address.startswith(LOOPBACK) for address in found),
        "Flower accepts connections from the whole network.",
        "Anyone on your network can reach Flower. Listen on 127.0.0.1, which only programs on this machine "
        "can reach.",
        expected="127.0.0.1",
        found=", ".join(found),
        line=procfile.shown(line),
        file=CONFIG,
    )


def test_password(flower, line):
    """Flower's pages and API require the password in FLOWER_BASIC_AUTH."""
    for path in ("/workers", "/api/tasks"):
        found = flower.get(path, password=False).status_code
        expect(
            found == 401,
            f"Flower serves {path} without a password.",
            "Flower reads the password from the environment variable FLOWER_BASIC_AUTH, so "
            "don't override this variable.",
            expected="401",
            found=found,
            file=CONFIG,
        )
    found = flower.get("/api/tasks").status_code
    expect(
        found == 200,
        "Flower does not accept the password in FLOWER_BASIC_AUTH.",
        f"An option in {CONFIG} or on the command line overrides the variable. Remove this option, because "
        "a password does not belong in a file that you commit to Git.",
        found=found,
        line=procfile.shown(line),
        file=CONFIG,
    )
    shown = [
        each for each in flower.command_lines() if flower.password in each or re.search("--basic.auth", each)
    ]
    expect(
        not shown,
        "the password is on the command line.",
        "Every user of this machine can see command lines with ps, but only you can see your environment "
        "variables.",
        ps_shows=shown[0].replace(flower.password, "…") if shown else "",
        file="Procfile",
    )


def test_sees_failures(app, flower, worker, upload, photo):
    """Flower shows which task failed, the worker that ran it, and the traceback."""
    from images.models import UploadedImage
    from images.tasks import resize_image_task

    expect(
        flower.receives_events(app),
        "Flower received no events within 15 seconds.",
        f"Does Flower use this project's broker? {BUSY}",
        flower_says=flower.last_error,
        file="Procfile",
    )
    upload(("garden.jpg", photos.jpeg(80, 60)))
    lost = photo(photos.jpeg(80, 60), "lost.jpg")
    lost.image.storage.delete(lost.image.name)
    resize_image_task.delay(lost.pk)
    kept = {photo.name: photo.pk for photo in UploadedImage.objects.all()}

    def found():
        tasks = flower.api("tasks", taskname=resize_image_task.name)
        by_photo = {}
        for name, pk in kept.items():
            by_photo[name] = next((t for t in tasks.values() if re.search(rf"\b{pk}\b", t["args"] or "")), {})
        over = all(task.get("state") in ("SUCCESS", "FAILURE") for task in by_photo.values())
        return by_photo if over else None

    seen = until(found, STARTING)
    if not seen:
        complain(
            f"the worker ran two tasks, but after {STARTING} seconds, Flower still did not show both of them as finished.",
            f"Does the worker send events (step 4.1)? Does Flower store enough tasks (max_tasks)? {BUSY}",
            flower_shows=", ".join(f"{t['name']}: {t['state']}" for t in flower.api("tasks").values())
            or "no task",
            file=CONFIG,
        )
    good, bad = seen["garden.jpg"], seen["lost.jpg"]
    expect(
        good["state"] == "SUCCESS",
        "Flower says that the task for a good photo failed.",
        found=good["exception"],
    )
    expect(
        bad["state"] == "FAILURE" and "FileNotFoundError" in (bad["traceback"] or ""),
        "the task for a photo without a file failed, but Flower does not show the traceback.",
        found=f"{bad['state']}, {bad['exception']}",
    )
    expect("@" in (bad.get("worker") or ""), "Flower does not show which worker ran the failed task.")

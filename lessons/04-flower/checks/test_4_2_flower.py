import re

import pytest

from workshop.checkkit import complain, expect, photos, procfile, until
from workshop.checkkit.flower import Flower

pytestmark = pytest.mark.step("4.2")

CONFIG = "flowerconfig.py"
LOOPBACK = ("127.", "::1", "::ffff:127.")


@pytest.fixture
def line(lines):
    """The line of the Procfile that starts Flower."""
    service = lines.get("flower")
    if not service:
        other = next((each for each in lines.values() if "flower" in procfile.words(each)), None)
        complain(
            "the Procfile has no process called flower.",
            f"The line is there under another name: {procfile.shown(other)}"
            if other
            else "A line is a name, a colon and the command that you would type.",
            found=", ".join(lines) or "no process",
            file="Procfile",
        )
    words = procfile.words(service)
    facts = {"line": procfile.shown(service), "file": "Procfile"}
    expect("flower" in words, "the line called flower does not start Flower.", **facts)
    before = words[: words.index("flower")]
    named = next(
        (i for i, word in enumerate(words) if word in ("-A", "--app") or word.startswith("--app=")), None
    )
    expect(
        named is None or named < len(before),
        "the Celery app is named behind the word flower.",
        "flower is a command of celery, and -A is an option of celery itself, so it stands before the command. "
        "Behind it -A is passed over: Flower would look for a RabbitMQ on this machine.",
        **facts,
    )
    expect(
        (service.app or "").partition(":")[0].partition(".")[0] == "myproject",
        "the line does not start Flower for the app of this project.",
        "Flower learns from the app which broker to listen to.",
        expected="celery -A myproject …",
        **facts,
    )
    return service


@pytest.fixture
def flower(app, line, monitor):
    """Flower, as the Procfile starts it, with a password and a port of its own."""
    monitor.start(line.shell_command)
    monitor.wait()
    facts = {"line": procfile.shown(line), "file": f"Procfile, {CONFIG}"}
    elsewhere = sorted({port for _, port in monitor.listening()} - {monitor.port})
    busy = re.search(r"address already in use", monitor.log, re.IGNORECASE)
    if not monitor.answers() and (elsewhere or busy):
        complain(
            "Flower does not listen on the port that FLOWER_PORT names.",
            "./workshop up gives it a port that is free, and shows that one.",
            expected=f"port {monitor.port}",
            found=f"port {elsewhere[0]}" if elsewhere else "another one, which is taken already",
            **facts,
        )
    expect(
        monitor.answers(),
        "Flower did not start.",
        "FLOWER_BASIC_AUTH was set for it, and FLOWER_PORT.",
        flower_says=monitor.last_words or "nothing",
        **facts,
    )
    return monitor


def test_not_without_a_password(app, line, monitor):
    """Without a password Flower does not start, and says what to do."""
    monitor.start(line.shell_command)  # the one with a password comes up meanwhile
    bare = Flower(monitor.folder)
    bare.start(line.shell_command, password=False)
    try:
        bare.wait()
        started, said = bare.running, bare.last_words
        log = bare.log
    finally:
        bare.stop()
    expect(
        not started,
        "FLOWER_BASIC_AUTH is not set, and Flower starts all the same.",
        "Then everybody who reaches it may look in, and whoever forgets the variable does not notice.",
        line=procfile.shown(line),
        file=CONFIG,
    )
    expect(
        len(said.split()) > 3,
        "without FLOWER_BASIC_AUTH Flower ends, and does not say what to do.",
        "raise SystemExit with a sentence: it is printed, and nothing behind it is run.",
        flower_says=said or "nothing",
        file=CONFIG,
    )
    expect(
        re.search(r"FLOWER_BASIC_AUTH|password", said + log, re.IGNORECASE),
        "without FLOWER_BASIC_AUTH Flower ends for another reason.",
        flower_says=said,
        file=CONFIG,
    )


def test_this_machine_only(flower, line):
    """Flower listens on this machine's own address only."""
    found = sorted({address for address, _ in flower.listening()})
    expect(
        all(address.startswith(LOOPBACK) for address in found),
        "Flower listens to the whole network.",
        "In the café everybody reaches it, and a password is all that keeps them out. 127.0.0.1 is the address "
        "that a machine has for itself.",
        expected="127.0.0.1",
        found=", ".join(found),
        line=procfile.shown(line),
        file=CONFIG,
    )


def test_password(flower, line):
    """Flower's pages and its API want the password, and take the one of FLOWER_BASIC_AUTH."""
    for path in ("/workers", "/api/tasks"):
        found = flower.get(path, password=False).status_code
        expect(
            found == 401,
            f"Flower answers to {path} without a password.",
            "FLOWER_BASIC_AUTH does it: Flower reads its options from such variables by itself.",
            expected="401",
            found=found,
            file=CONFIG,
        )
    found = flower.get("/api/tasks").status_code
    expect(
        found == 200,
        "Flower does not take the password that FLOWER_BASIC_AUTH names.",
        f"What {CONFIG} or the command line say wins over the variable. A password in a file that Git keeps is "
        "none.",
        found=found,
        line=procfile.shown(line),
        file=CONFIG,
    )
    shown = [
        each for each in flower.command_lines() if flower.secret in each or re.search("--basic.auth", each)
    ]
    expect(
        not shown,
        "the password is on the command line.",
        "Everybody who has an account on this machine reads it with ps. Variables are seen by their owner alone.",
        ps_shows=shown[0].replace(flower.secret, "…") if shown else "",
        file="Procfile",
    )


def test_sees_failures(app, flower, worker, upload, photo):
    """Flower knows which task failed, in which worker, and where."""
    from images.models import UploadedImage
    from images.tasks import resize_image_task

    expect(
        flower.hears(app),
        "no event reaches Flower.",
        "Does it listen to the broker of this project?",
        flower_says=flower.last_words,
        file="Procfile",
    )
    upload(("garden.jpg", photos.jpeg(80, 60)))
    lost = photo(photos.jpeg(80, 60), "lost.jpg")
    lost.image.storage.delete(lost.image.name)
    resize_image_task.delay(lost.pk)
    kept = {photo.name: photo.pk for photo in UploadedImage.objects.all()}

    def found():
        tasks = flower.api("tasks", taskname="images.tasks.resize_image_task")
        by_photo = {}
        for name, pk in kept.items():
            by_photo[name] = next((t for t in tasks.values() if re.search(rf"\b{pk}\b", t["args"] or "")), {})
        over = all(task.get("state") in ("SUCCESS", "FAILURE") for task in by_photo.values())
        return by_photo if over else None

    seen = until(found)
    if not seen:
        complain(
            "two photos were sent to the worker, and Flower does not see both tasks to their end.",
            "The worker sends events (step 4.1), and Flower keeps the newest in memory.",
            flower_sees=", ".join(f"{t['name']}: {t['state']}" for t in flower.api("tasks").values())
            or "no task",
            file=CONFIG,
        )
    good, bad = seen["garden.jpg"], seen["lost.jpg"]
    expect(good["state"] == "SUCCESS", "a good photo failed, says Flower.", found=good["exception"])
    expect(
        bad["state"] == "FAILURE" and "FileNotFoundError" in (bad["traceback"] or ""),
        "the file of a photo is gone, and Flower does not show the failure of its task with the traceback.",
        found=f"{bad['state']}, {bad['exception']}",
    )
    expect("@" in (bad.get("worker") or ""), "Flower does not know in which worker the task failed.")

"""`./workshop bench`: each of the compared ways does its work, and the figures follow from the seconds."""

import math
import os
import re
import shutil
import sqlite3
import sys
import tempfile
from contextlib import closing
from io import BytesIO

import numpy
import pytest
import redis
from PIL import Image, ImageCms
from printed_text import Printed

from benchmarks import (
    command,
    learner,
    measuring,
    queue_cost,
    resize,
    resize_variants,
    site_size,
    startup,
    visitor,
)
from benchmarks.image_similarity import psnr, ssim
from benchmarks.section import Goal
from workshop import paths
from workshop.errors import WorkshopError
from workshop.photos import samples

PHOTO = samples.photo


def small(orientation=1):
    return PHOTO(1600, 1200, orientation=orientation, gps=True, icc=True)


@pytest.mark.parametrize(("taken", "code"), [(1.4, 0), (1.39, 1)])
def test_missed_goal_is_said_and_is_exit_code_1(monkeypatch, capsys, taken, code):
    monkeypatch.setattr(site_size, "measure", lambda: [Goal("pot / cup", taken, 1.4)])
    assert site_size.main() == code
    out = Printed(capsys.readouterr().out)
    assert f"pot / cup: {taken:.2f} (goal: at least 1.4, {'MISSED' if code else 'met'})" in out


def test_goal_that_is_missed_by_little_is_not_shown_as_met():
    assert "0.946 (goal: at least 0.95, MISSED)" in str(Goal("a / b", 0.946, 0.95))
    assert "0.95 (goal: at least 0.95, met)" in str(Goal("a / b", 0.951, 0.95))


def test_goal_at_most():
    assert Goal("a / b", 1.1, 1.1, at_most=True).is_met
    assert not Goal("a / b", 1.11, 1.1, at_most=True).is_met


def test_ways_take_turns_and_the_first_run_does_not_count():
    calls = []
    ways = {name: lambda name=name: calls.append(name) for name in "abc"}
    seconds = measuring.time_in_turn(ways, 3)
    assert "".join(calls) == "abc" + "abc" + "bca" + "cab"
    assert {name: len(times) for name, times in seconds.items()} == {"a": 3, "b": 3, "c": 3}


def test_ratio_is_of_the_medians():
    assert measuring.ratio({"a": [1, 2, 90], "b": [1, 1, 1]}, "a", "b") == 2


def test_machine_names_cores_and_python():
    assert " cores" in measuring.machine()
    assert "Python 3." in measuring.machine()


@pytest.mark.parametrize(("orientation", "size"), [(1, (800, 600)), (6, (450, 600))])
def test_every_way_does_the_same_work(orientation, size):
    photo = small(orientation)
    found = resize_variants.variants(photo, resize.solution())
    assert [*found] == [
        resize_variants.OURS,
        resize_variants.ARTICLE,
        resize_variants.WHOLE,
        resize_variants.LIBVIPS,
        resize_variants.LIBVIPS_DEFAULT,
    ]
    best = resize.reference(photo)
    for name, way in found.items():
        with Image.open(BytesIO(result := way())) as picture:
            assert (picture.format, picture.size) == ("JPEG", size), name
            profile = ImageCms.ImageCmsProfile(BytesIO(picture.info["icc_profile"]))
            assert "sRGB" in ImageCms.getProfileDescription(profile), name
            assert not picture.getexif(), name
            assert picture.layer[0][1:3] == (2, 2), f"{name} keeps half of the colour, as the others do"
        likeness, decibels = resize.similarity(best, result)
        assert likeness > 0.85, name
        assert decibels > 35, name


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_every_way_keeps_the_format(kind):
    photo = resize.picture(kind, 1000, 800)
    resize.check_results(
        photo, kind, {name: way() for name, way in resize_variants.variants(photo, resize.solution()).items()}
    )


def test_likeness_tells_a_good_picture_from_a_bad_one():
    photo = small()
    best, whole = resize.reference(photo), resize_variants.full_decode(photo)
    rough, turned = BytesIO(), BytesIO()
    with Image.open(BytesIO(photo)) as picture:
        picture.resize((800, 600), Image.Resampling.NEAREST).save(rough, "JPEG", quality=85)
    with Image.open(BytesIO(whole)) as picture:
        picture.transpose(Image.Transpose.ROTATE_180).save(turned, "JPEG", quality=85)
    good, bad, wrong = (
        resize.similarity(best, result) for result in (whole, rough.getvalue(), turned.getvalue())
    )
    assert good[0] > max(bad[0], wrong[0]) + 0.2
    assert good[1] > bad[1] + 3 > wrong[1] + 6


def test_likeness_of_what_can_be_said_by_hand():
    flat = numpy.full((20, 30, 3), 100.0)
    assert (ssim(flat, flat), psnr(flat, flat)) == (pytest.approx(1), math.inf)
    # Without structure the brightness alone counts: (2·100·120 + C1) / (100² + 120² + C1).
    c1 = (0.01 * 255) ** 2
    assert ssim(flat, flat + 20) == pytest.approx((24_000 + c1) / (24_400 + c1))
    assert psnr(flat, flat + 20) == pytest.approx(10 * math.log10(255**2 / 400))
    chance = numpy.random.default_rng(0)
    noise = chance.uniform(0, 255, (60, 60, 3))
    assert ssim(noise, 255 - noise) < -0.9
    for other in (flat[:, :10], flat[:10]):
        with pytest.raises(ValueError, match="cannot be compared"):
            ssim(flat, other)


def test_ours_is_the_solution_of_lesson_01(tmp_path, monkeypatch):
    shutil.copytree(paths.SOLUTIONS / "01-sync/images", tmp_path / "01-sync/images")
    file = tmp_path / "01-sync/images/resizing.py"
    file.write_text(file.read_text() + "\n\ndef resize(*_):\n    raise ZeroDivisionError\n")
    monkeypatch.setattr(paths, "SOLUTIONS", tmp_path)
    with pytest.raises(ZeroDivisionError):
        resize_variants.variants(small(), resize.solution())[resize_variants.OURS]()


@pytest.mark.parametrize("size", [(799, 600), (600, 800)])
def test_a_way_that_returns_another_size_ends_the_run(monkeypatch, size):
    def wrong(photo):
        content = BytesIO()
        Image.new("RGB", size).save(content, "JPEG")
        return content.getvalue()

    monkeypatch.setattr(resize_variants, "thumbnail", wrong)
    monkeypatch.setattr(resize, "SIZES", {3: (1000, 750)})
    with pytest.raises(WorkshopError, match=f"article's calls: JPEG, {size[0]}×{size[1]}. Expected:"):
        resize.measure(quick=True)


def test_a_way_that_fails_alone_ends_the_run(tmp_path):
    file = tmp_path / "photo"
    file.write_bytes(small()[:5000])
    with pytest.raises(WorkshopError, match="The resize with 'ours' failed(.|\n)*truncated"):
        resize.peak_memory(resize_variants.OURS, file)


def test_memory_is_that_of_the_picture(tmp_path):
    file = tmp_path / "photo"
    file.write_bytes(resize.picture("JPEG", 4000, 3000))
    ours, whole = (resize.peak_memory(name, file) for name in (resize_variants.OURS, resize_variants.WHOLE))
    assert whole > 3 * 4000 * 3000
    assert 800 * 600 * 3 < ours < whole / 2


def test_resize_prints_its_tables_and_goals(monkeypatch, capsys):
    monkeypatch.setattr(resize, "SIZES", {3: (1000, 750)})
    assert command.main(["resize"], quick=True, write=False) == 0
    out = Printed(capsys.readouterr().out)
    for kind in ("JPEG", "PNG", "WEBP"):
        assert f"{kind}, 3 megapixels" in out
        assert f"{kind}, 3 megapixels: time of our function compared with libvips, 1 thread: " in out
    for name in resize_variants.variants(small(), resize.solution()):
        assert len(re.findall(rf"^ {re.escape(name)} +\d+ \(", out, re.M)) == 3
    assert max(map(len, out[out.index("JPEG, 3") : out.index("Pillow uses one thread")].splitlines())) <= 80


def test_without_libvips(monkeypatch):
    monkeypatch.setattr(resize_variants, "pyvips", None)
    with pytest.raises(WorkshopError, match="needs libvips"):
        resize.measure(quick=True)


def test_libvips_is_given_its_threads():
    threads = resize_variants.pyvips.concurrency_get()
    try:
        for count in (2, 1):
            resize_variants.libvips(small(), count)
            assert resize_variants.pyvips.concurrency_get() == count
    finally:
        resize_variants.pyvips.concurrency_set(threads)


def test_goals_come_from_what_was_measured():
    seconds = {
        resize_variants.OURS: [1.0],
        resize_variants.ARTICLE: [1.5],
        resize_variants.WHOLE: [0.5],
        resize_variants.LIBVIPS: [0.8],
    }
    found = {
        (kind, size): resize.Measured(
            1,
            seconds,
            {resize_variants.OURS: size * 1000},
            results={resize_variants.OURS: 90, resize_variants.LIBVIPS: 75},
        )
        for kind in resize.FORMATS
        for size in (12, 48)
    }
    goals = {goal.what: goal for goal in resize._goals(found)}
    best = goals[f"JPEG, 12 megapixels: time of our function compared with {resize_variants.WHOLE}"]
    assert (best.ratio, best.is_met) == (2, False)
    libvips = goals["PNG, 48 megapixels: time of our function compared with libvips, 1 thread"]
    assert (libvips.ratio, libvips.limit, libvips.is_met) == (1.25, 1.1, False)
    results = goals["WEBP, 12 megapixels: bytes of our result compared with libvips, 1 thread"]
    assert (results.ratio, results.limit, results.is_met) == (1.2, 1.1, False)
    what = "memory of our function with 48 megapixels, compared with 12 megapixels"
    memory = [goals[f"{kind}: {what}"] for kind in ("JPEG", "PNG")]
    assert [(goal.ratio, goal.is_met) for goal in memory] == [(4, False), (4, True)]


def test_goal_that_is_no_ratio():
    goal = Goal("check of 01-sync", 2.689, 3.0, at_most=True, unit="s")
    assert str(goal) == "check of 01-sync: 2.69 s (goal: at most 3 s, met)"


def test_seconds_that_a_way_measures_itself_are_taken_over():
    numbers = iter([9.0, 1.0, 2.0])
    assert measuring.measure_in_turn({"a": lambda: next(numbers)}, 2) == {"a": [1.0, 2.0]}


def test_the_learners_time(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("REDIS_URL", "redis://localhost:1/0")
    assert command.main(["learner"], quick=True, write=False) == 0
    out = Printed(capsys.readouterr().out)
    assert re.search(r"^ 01-sync +[\d.]+ .*– +[\d.]+ ", out, re.M)
    assert "01-sync: time from the save to the first step, compared with the startup time: " in out
    assert "01-sync: time from the save to the last verdict, compared with the startup time: " in out
    assert list(tmp_path.iterdir()) == []


def test_a_check_that_fails_is_not_timed(tmp_path):
    root = startup.make_root(tmp_path, "01-sync")
    with pytest.raises(WorkshopError, match=r"without printing '4 of 4 steps'(.|\n)*1\.1"):
        startup.seconds_until(
            "4 of 4 steps", startup.workshop("check", "01"), root, startup.environment(root)
        )


def test_up_is_compared_with_its_slowest_process():
    goals = learner._section(None, {"up": [3.0], "web alone": [1.0], "worker alone": [2.5]}, {}, 1).goals
    label = "time until `./workshop up` is ready, compared with the worker alone"
    assert goals == [Goal(label, 1.2, 1.5, at_most=True)]


def test_up_and_its_processes_are_started(monkeypatch, tmp_path):
    monkeypatch.setenv("REDIS_URL", "redis://localhost:1/0")
    seconds = learner._up(tmp_path, 1)
    assert [*seconds] == ["up", "web alone", "worker alone"]
    assert min(map(min, seconds.values())) > 0.1, "one of them was not started"


def test_floor_is_the_sum_of_its_parts():
    assert learner.floor({"django": [1.0, 2.0, 9.0], "worker": [3.0], "check": [7.0]}) == 5
    assert learner.floor({"django": [1.0]}) == 1


def test_seconds_until_a_text():
    """The process goes on afterwards, until it gets the Ctrl-C of `seconds_until`."""
    code = "import signal, time; print('not yet'); time.sleep(0.3); print('it is ready now'); signal.pause()"
    seconds = startup.seconds_until("ready", [sys.executable, "-uc", code], paths.ROOT, dict(os.environ))
    assert seconds > 0.3
    with pytest.raises(WorkshopError, match=r"without printing 'ready'.(.|\n)*only this"):
        startup.seconds_until("ready", ["echo", "only this"], paths.ROOT, dict(os.environ))


@pytest.fixture
def small_photos(monkeypatch):
    """Photos of 2 megapixels in place of 12, and no more of them than gunicorn has processes to warm up."""
    for module in (visitor, queue_cost):
        monkeypatch.setattr(module, "SIZE", (1600, 1200))
    monkeypatch.setattr(visitor, "WARM", 3)


@pytest.mark.parametrize("name", ["visitor", "queue", "growth"])
def test_quick_measures_all_of_it_and_judges_nothing(name, small_photos, capsys):
    """With real sites, brokers and workers. A photo that is lost ends it with an error."""
    assert command.main([name], quick=True, write=False) == 0
    out = Printed(capsys.readouterr().out)
    assert "(goal: at" in out


def test_a_queue_that_does_nothing_is_no_result(monkeypatch, small_photos):
    """The patience is short here as soon as the photos have come through the site."""

    def through_web(*arguments, real=queue_cost._through_web):
        seconds = real(*arguments)
        monkeypatch.setattr(queue_cost, "PATIENCE", 3.0)
        return seconds

    monkeypatch.setattr(queue_cost, "_through_web", through_web)
    sends_nothing = "import time; print(time.time(), flush=True); print(0)"
    monkeypatch.setattr(queue_cost, "program", lambda _: [sys.executable, "-c", sends_nothing])
    with pytest.raises(WorkshopError, match="6 of 6 photos were not resized"):
        queue_cost.measure(quick=True)


def test_the_floor_only_receives_and_saves(small_photos):
    with visitor._running(visitor.RECEIVED) as site:
        visitor._warm_up(site, small(), 1, is_resized=False)
        with closing(sqlite3.connect(site.data / "db.sqlite3")) as database:
            rows = database.execute("SELECT is_processed, queued_at IS NULL FROM images_uploadedimage")
            assert rows.fetchall() == [(0, 0)], "the row is saved as in lesson 03"
        assert len(list((site.data / "media/uploads").iterdir())) == 1
        assert redis.Redis.from_url(site.broker_url).keys("celery") == [], "no message was sent"
        assert "worker" not in site.processes

import shutil
import time
from io import BytesIO

import pytest
from PIL import Image, ImageCms

from workshop import figures, paths, resize_figure, samples
from workshop.errors import WorkshopError
from workshop.figures import Goal

PHOTO = samples.photo


def small(orientation=1):
    return PHOTO(1600, 1200, orientation=orientation, gps=True, icc=True)


def test_unknown_name_says_which_there_are(capsys):
    with pytest.raises(WorkshopError, match="There is no figure speed. There are: .*resize"):
        figures.main(["resize", "speed"])
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(("taken", "code"), [(1.4, 0), (1.39, 1)])
def test_missed_goal_is_said_and_is_exit_code_1(monkeypatch, capsys, taken, code):
    monkeypatch.setattr(
        figures, "FIGURES", {"tea": lambda: [Goal("pot / cup", taken, 1.4)], "rest": lambda: []}
    )
    assert figures.main([]) == code
    out = capsys.readouterr().out
    assert f"pot / cup: {taken:.2f} (goal: at least 1.4, {'MISSED' if code else 'met'})" in out
    assert "rest" in out
    assert figures.main(["rest"]) == 0


def test_goal_at_most():
    assert Goal("a / b", 1.1, 1.1, at_most=True).is_met
    assert not Goal("a / b", 1.11, 1.1, at_most=True).is_met


def test_ways_take_turns_and_the_first_run_does_not_count():
    calls = []
    ways = {name: lambda name=name: calls.append(name) for name in "abc"}
    seconds = figures.alternate(ways, 3)
    assert "".join(calls) == "abc" + "abc" + "bca" + "cab"
    assert {name: len(times) for name, times in seconds.items()} == {"a": 3, "b": 3, "c": 3}


def test_ratio_is_of_the_medians():
    ways = {"slow": lambda: time.sleep(0.02), "fast": lambda: time.sleep(0.01)}
    assert 1.2 < figures.ratio(figures.alternate(ways, 3), "slow", "fast") < 2.5
    assert figures.ratio({"a": [1, 2, 90], "b": [1, 1, 1]}, "a", "b") == 2


def test_machine_names_cores_and_python():
    assert " cores" in figures.machine()
    assert "Python 3." in figures.machine()


@pytest.mark.parametrize(("orientation", "size"), [(1, (800, 600)), (6, (450, 600))])
def test_every_way_does_the_same_work(orientation, size):
    photo = small(orientation)
    found = resize_figure.ways(photo)
    assert [*found][:3] == [resize_figure.OURS, resize_figure.ARTICLE, resize_figure.WHOLE]
    assert "libvips, 1 thread" in found
    for name, way in found.items():
        with Image.open(BytesIO(result := way())) as picture:
            assert (picture.format, picture.size) == ("JPEG", size), name
            profile = ImageCms.ImageCmsProfile(BytesIO(picture.info["icc_profile"]))
            assert "sRGB" in ImageCms.getProfileDescription(profile), name
            assert picture.getexif().get(0x0112, 1) == 1, name
            assert picture.layer[0][1:3] == (2, 2), f"{name} keeps half of the colour, as the others do"
        assert resize_figure.likeness(photo, result) > 35, name


def test_likeness_tells_a_good_picture_from_a_bad_one():
    photo = small()
    whole = resize_figure.decoded_whole(photo)
    rough, turned = BytesIO(), BytesIO()
    with Image.open(BytesIO(photo)) as picture:
        picture.resize((800, 600), Image.Resampling.NEAREST).save(rough, "JPEG", quality=85)
    with Image.open(BytesIO(whole)) as picture:
        picture.transpose(Image.Transpose.ROTATE_180).save(turned, "JPEG", quality=85)
    good, bad, wrong = (
        resize_figure.likeness(photo, result) for result in (whole, rough.getvalue(), turned.getvalue())
    )
    assert good > bad + 3 > wrong + 6


def test_ours_is_the_solution_of_lesson_01(tmp_path, monkeypatch):
    shutil.copytree(paths.SOLUTIONS / "01-sync/images", tmp_path / "01-sync/images")
    file = tmp_path / "01-sync/images/resizing.py"
    file.write_text(file.read_text() + "\n\ndef resize(*_):\n    raise ZeroDivisionError\n")
    monkeypatch.setattr(paths, "SOLUTIONS", tmp_path)
    with pytest.raises(ZeroDivisionError):
        resize_figure.ways(small())[resize_figure.OURS]()


def test_resize_figure_prints_a_table_and_its_goals(monkeypatch, capsys):
    monkeypatch.setattr(resize_figure, "ROUNDS", 1)
    monkeypatch.setattr(samples, "photo", lambda *_, **options: small(options["orientation"]))
    assert figures.main(["resize"]) in (0, 1)
    out = capsys.readouterr().out
    assert "800×600" in out
    assert "450×600" in out
    assert out.count(" / ours: ") == 2
    assert out.count("ours / libvips, 1 thread: ") == 2
    assert max(map(len, out.splitlines()[3:])) <= 80, "the tables fit a terminal"


def test_without_libvips(monkeypatch):
    monkeypatch.setattr(resize_figure, "pyvips", None)
    with pytest.raises(WorkshopError, match="needs libvips"):
        resize_figure.measure()

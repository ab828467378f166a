"""`./workshop dev uploads`: what becomes of a folder of pictures on the finished site."""

import pytest

from workshop.checkkit import photos
from workshop.dev import commands, upload_trial
from workshop.errors import WorkshopError
from workshop.photos.samples import Sample


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "below").mkdir()
    (tmp_path / "sound.jpg").write_bytes(photos.jpeg(1600, 1200))
    (tmp_path / "below/half.jpg").write_bytes(photos.jpeg(1600, 1200)[:3000])
    (tmp_path / "below/text.jpg").write_bytes(b"no picture")
    return tmp_path


def test_each_file_is_counted(folder, capsys):
    assert upload_trial.main([folder], show_all=True) == 0
    out = capsys.readouterr().out
    for line in ("3  uploaded", "1  resized", "1  refused with a message", "1  failed with a reason"):
        assert line in out
    assert "half.jpg: failed, This picture is damaged or cut short." in out
    assert "text.jpg: refused, this is not a picture that can be read." in out
    assert "MISSED" not in out


def upload(state="resized", why="", status=200, seconds=0.1, size=1000):
    made = upload_trial.Upload(Sample("a.jpg", "", bytes), state=state, why=why)
    made.http_status, made.request_seconds, made.size = status, seconds, size
    return made


GOOD = [
    upload(),
    upload("refused", "this is not a picture."),
    upload("failed", "It is damaged."),
    upload(size=10**9),
]
MISSED = {
    "stuck": ([upload("waiting")], {}, []),
    "HTTP 500, or no response": ([upload("refused", "the site failed (HTTP 500)", 500)], {}, []),
    "refused or failed without a message": ([upload("failed")], {}, []),
    "tracebacks in the workers' log": ([], {}, ["worker | Traceback (most recent call last):"]),
    "largest worker subprocess": ([], {1: 10**6, 2: 900 * 10**6}, []),
    "slowest upload of up to 20 MB": ([upload(seconds=6.0)], {}, []),
}


@pytest.mark.parametrize("what", MISSED)
def test_each_goal_can_be_missed(what):
    more, memory, tracebacks = MISSED[what]
    found = upload_trial.figures(GOOD + more, memory, tracebacks)
    assert [figure.what for figure in found if not figure.is_good] == [what]


def test_no_goal_is_missed_where_all_is_well():
    slow_but_large = upload(seconds=60.0, size=10**9)
    found = upload_trial.figures([*GOOD, slow_but_large], {1: 10**6}, [])
    assert all(figure.is_good for figure in found)


def test_a_log_line_of_a_worker_starts_a_traceback():
    assert upload_trial._is_traceback("12:00:00 worker  | Traceback (most recent call last):")
    assert not upload_trial._is_traceback("12:00:00 flower  | Traceback (most recent call last):")


def test_a_folder_without_files_is_named(tmp_path):
    with pytest.raises(WorkshopError, match="no file"):
        upload_trial.main([tmp_path])


def test_the_command_is_there():
    assert any(command.callback is commands.uploads for command in commands.app.registered_commands)

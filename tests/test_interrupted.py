"""A command that fails or is killed at any moment leaves the learner's work whole, and its progress right."""

import errno
import hashlib
import os
import re
import shutil
import signal
import sys
from pathlib import Path

import pytest
import smallchain
from files import largest_file, write_text

from workshop import cli, paths
from workshop.course import crash_recovery, journal, lessons, playground, progress, project, project_files
from workshop.errors import WorkshopError
from workshop.system import atomic_file

DONE = ["1.1", "1.2"]
PHOTO = "data/media/garden.jpg"
CHANGES = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir"}
"""Audit events of Python, raised before the operation: an exception in the hook is one of the operation."""


class Trap:
    """Calls `spring` before the n-th change of a file below the current folder, or also before later ones."""

    def __init__(self):
        self.left, self.lasts, self.spring = None, False, None
        sys.addaudithook(self._heard)  # it cannot be removed again, only disarmed

    def arm(self, number, spring, lasts=False):
        self.left, self.spring, self.lasts = number, spring, lasts

    def disarm(self):
        """Disarm the trap. Returns True if it has sprung."""
        sprung, self.left = self.left is not None and self.left <= 0, None
        return sprung

    def _heard(self, event, arguments):
        if self.left is None or event not in CHANGES or not _changes(event, arguments):
            return
        self.left -= 1
        if self.left == 0 or (self.left < 0 and self.lasts):
            self.spring()


def _changes(event, arguments):
    if not isinstance(arguments[0], str | os.PathLike):
        return False
    writes = event != "open" or arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
    return writes and Path.cwd() in (Path.cwd() / arguments[0]).parents


TRAP = Trap()


def full():
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def interrupted():
    raise KeyboardInterrupt


def killed():
    os.kill(os.getpid(), signal.SIGKILL)


def terminated():
    signal.raise_signal(signal.SIGTERM)


def begin(tmp_path, monkeypatch):
    """A new workshop with a learner's copy of lesson 01: changed, with a photo, and all steps passed."""
    root = tmp_path.resolve()
    for entry in root.iterdir():
        shutil.rmtree(entry)
    smallchain.use(smallchain.build(root), monkeypatch)
    monkeypatch.setattr(paths, "NOTEBOOKS", root / "notebooks")
    for name in ("01-one.ipynb", "helper.py"):
        write_text(root / "notebooks" / name, "new")
    write_text(root / "playground/notebooks/01-one.ipynb", "mine")
    copy = playground.start(lessons.find("1")).folder
    write_text(copy / PHOTO, "a photo")
    progress.set_passed_steps("01-one", DONE)
    return copy


def run(*arguments):
    """Run a command line, and return its exit code."""
    sys.argv = ["workshop", *arguments]
    with pytest.raises(SystemExit) as end:
        cli.main()
    return end.value.code or 0


def tree(folder):
    """Return {name: content} of all files, including data and the manifest, except for temporary ones."""
    found = {}
    for file in folder.rglob("*"):
        if file.is_file() and not file.name.endswith("~"):
            found[file.relative_to(folder).as_posix()] = file.read_text()
    return found


def backups():
    return [tree(folder) for folder in paths.BACKUPS.iterdir()] if paths.BACKUPS.is_dir() else []


def moments(spring):
    """Yield numbers for `Trap.arm`. The caller stops when the command ends before the trap springs."""
    yield from range(1, 400)
    pytest.fail("the trap always springs")


def forked(*arguments):
    """Run the command in a separate process, which a trap may kill."""
    child = os.fork()
    if child == 0:
        try:
            run(*arguments)
        finally:
            os._exit(0 if TRAP.left > 0 else 1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def caught(arguments, number, spring, lasts):
    """Run with a trap at change `number`. Returns True if it has sprung."""
    TRAP.arm(number, spring, lasts)
    if spring is killed:
        code = forked(*arguments)
        TRAP.disarm()
        assert code in (0, -signal.SIGKILL)
        return code != 0
    try:
        run(*arguments)
    finally:
        sprung = TRAP.disarm()
    return sprung


each_trap = pytest.mark.parametrize(
    ("spring", "lasts"),
    [(full, False), (full, True), (interrupted, False), (terminated, False), (killed, False)],
    ids=["full-once", "full", "ctrl-c", "sigterm", "sigkill"],
)


@each_trap
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_reset(tmp_path, monkeypatch, capsys, spring, lasts):
    for number in moments(spring):
        copy = begin(tmp_path, monkeypatch)
        new = tree(copy)
        del new[PHOTO]
        write_text(copy / "images/views.py", "my work")
        mine = tree(copy)
        capsys.readouterr()
        sprung = caught(("reset", "1"), number, spring, lasts)
        told = capsys.readouterr()
        assert "bug in the workshop" not in told.err
        assert mine in [tree(copy), *backups()], f"change {number}: the work is not whole"
        if tree(copy) != mine and spring is full:
            assert "playground/.backup/01-one-" in told.out + told.err
        crash_recovery.recover()
        found = tree(copy)
        assert found in (mine, new), f"change {number}: half a copy"
        assert progress.passed_steps("01-one") == (DONE if found == mine else []), f"change {number}"
        assert found == mine or mine in backups()
        assert not journal.exists()
        playground.reset(project.learners_copy(lessons.find("1")))
        assert (tree(copy), progress.passed_steps("01-one")) == (new, [])
        if not sprung:
            assert found == new
            break


@each_trap
@pytest.mark.parametrize("target", ["1", "1.2"])
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_solve(tmp_path, monkeypatch, capsys, spring, lasts, target):
    solved = None
    for number in moments(spring):
        copy = begin(tmp_path, monkeypatch)
        write_text(copy / "images/views.py", smallchain.VIEWS_START.replace("return 0", "return 0  # me"))
        mine = tree(copy)
        if solved is None:
            assert run("solve", target) == 0
            solved = tree(copy)
            copy = begin(tmp_path, monkeypatch)
            write_text(copy / "images/views.py", mine["images/views.py"])
        capsys.readouterr()
        sprung = caught(("solve", target), number, spring, lasts)
        told = capsys.readouterr()
        assert "bug in the workshop" not in told.err
        for name, text in tree(copy).items():
            assert text in (mine.get(name), solved.get(name)), f"change {number}: {name} is not whole"
        if tree(copy)["images/views.py"] != mine["images/views.py"]:
            assert any(kept.get("images/views.py") == mine["images/views.py"] for kept in backups())
            if spring is full:
                assert "playground/.backup/01-one-before-" in told.out + told.err
        crash_recovery.recover()
        found = tree(copy)
        assert found in (mine, solved), f"change {number}: some files and not all"
        assert progress.passed_steps("01-one") == DONE
        assert not journal.exists()
        assert run("solve", target) == 0
        assert tree(copy) == solved
        if not sprung:
            assert found == solved
            break


@each_trap
@pytest.mark.parametrize("newer", [False, True], ids=["first", "again"])
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_start(tmp_path, monkeypatch, capsys, spring, lasts, newer):
    """The first time, and again for an unchanged copy whose starter is newer."""
    for number in moments(spring):
        copy = begin(tmp_path, monkeypatch)
        if newer:
            write_text(paths.LESSONS / "01-one/Procfile", "new")
            (paths.LESSONS / "01-one/README.md").unlink()
            write_text(paths.LESSONS / "01-one/images/more.py", "new")
        else:
            shutil.rmtree(copy)
        sprung = caught(("start", "1"), number, spring, lasts)
        assert "bug in the workshop" not in capsys.readouterr().err
        assert not newer or tree(copy)[PHOTO] == "a photo"
        assert run("start", "1") == 0, f"change {number}"
        starter = {
            name: file.read_text()
            for name, file in project_files.list_files(paths.LESSONS / "01-one").items()
        }
        added = {PHOTO: "a photo", project_files.SCRIPT_NAME: playground.SCRIPT}
        assert {**starter, **added} == {PHOTO: "a photo"} | tree(copy)
        if not sprung:
            break


@each_trap
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_hint(tmp_path, monkeypatch, capsys, spring, lasts):
    for number in moments(spring):
        begin(tmp_path, monkeypatch)
        sprung = caught(("hint", "1.1"), number, spring, lasts)
        assert "bug in the workshop" not in capsys.readouterr().err
        assert progress.passed_steps("01-one") == DONE
        assert progress.hints_seen("01-one", "1.1") in (0, 1)
        if not sprung:
            break


@each_trap
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_notebooks_fresh(tmp_path, monkeypatch, capsys, spring, lasts):
    """The port is taken, so the command exits."""
    monkeypatch.setattr("workshop.notebooks.server.claim", lambda port: False)
    monkeypatch.setattr("workshop.notebooks.server.taken_by", lambda port: "a test")
    for number in moments(spring):
        begin(tmp_path, monkeypatch)
        sprung = caught(("notebooks", "1", "--fresh"), number, spring, lasts)
        assert "bug in the workshop" not in capsys.readouterr().err
        text = (paths.PLAYGROUND / "notebooks/01-one.ipynb").read_text()
        assert text in ("mine", "new")
        assert text == "mine" or {"01-one.ipynb": "mine"} in backups()
        if not sprung:
            assert text == "new"
            break


@pytest.mark.parametrize("fails", [False, True])
def test_a_photo_that_is_written_between_the_two_renames_is_kept(tmp_path, monkeypatch, fails):
    """A worker that was started by hand creates the folder again, because it knows the path of its media."""
    copy = begin(tmp_path, monkeypatch)
    mine, late = tree(copy), []

    def worker_writes(folder):
        if not folder.exists() and len(late) < 2:
            late.append(f"late {len(late)}")
            write_text(folder / PHOTO, late[-1])

    rename = Path.rename

    def slow_rename(source, target):
        if source.name == ".new-01-one":
            worker_writes(target)
        return rename(source, target)

    monkeypatch.setattr(Path, "rename", slow_rename)
    if fails:
        monkeypatch.setattr(progress, "restart_lesson", lambda lesson: full())
        with pytest.raises(WorkshopError, match="Nothing was changed"):
            playground.reset(project.learners_copy(lessons.find("1")))
        assert tree(copy) == mine
    else:
        backup = playground.reset(project.learners_copy(lessons.find("1")))
        assert tree(backup) == mine
        assert tree(copy) == {name: text for name, text in mine.items() if name != PHOTO}
    assert late == sorted(kept[PHOTO] for kept in backups() if kept.keys() == {PHOTO})
    assert late


def test_the_next_command_finishes_what_was_killed_and_says_so(tmp_path, monkeypatch, capsys):
    copy = begin(tmp_path, monkeypatch)
    mine, backup = tree(copy), paths.BACKUPS / "01-one-2026-01-01-0900"
    paths.BACKUPS.mkdir()
    journal.write("reset", lesson="01-one", backup=str(backup))
    copy.rename(backup)
    assert run("status") == 0
    told = capsys.readouterr()
    assert told.err.startswith("./workshop reset 01 was interrupted, but it has now been finished. Backup of")
    assert paths.shown(backup) in told.err
    assert "0 of 2 steps" in told.out
    assert (tree(backup), progress.passed_steps("01-one")) == (mine, [])
    assert copy.is_dir()
    assert run("status") == 0
    assert capsys.readouterr().err == ""


def test_a_file_that_was_changed_after_a_killed_solve_stays(tmp_path, monkeypatch, capsys):
    copy = begin(tmp_path, monkeypatch)
    assert run("solve", "1") == 0
    backup = next(paths.BACKUPS.iterdir())
    wanted = {
        name: smallchain.FILES["solutions/01-one"][name] for name in ("images/views.py", "images/numbers.py")
    }
    digests = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in wanted.items()}
    journal.write("solve", folder=str(copy), backup=str(backup), digests=digests)
    write_text(copy / "images/views.py", "later work")
    said = crash_recovery.recover()
    assert "its changes were undone" in said
    assert paths.shown(backup) in said
    assert (copy / "images/views.py").read_text() == "later work"
    assert not (copy / "images/numbers.py").exists()
    assert crash_recovery.recover() == ""


def test_a_disk_that_is_full_half_way_leaves_the_old_content(tmp_path):
    """The real thing: the system writes the first bytes of a file and refuses the others."""
    file = tmp_path / "views.py"
    file.write_text("old")
    with largest_file(1000), pytest.raises(OSError, match=str(file)):
        atomic_file.write_text(file, "new" * 1000)
    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [("views.py", "old")]


def test_no_other_module_writes_a_file_in_place():
    """Except in temporary folders, in the built site, and for files that maintainers make again from git."""
    allowed = {
        "checkkit/migrated_database.py",
        "course/step_solution.py",
        "dev/pictures.py",
        "dev/test_suite.py",
        "docsite/translation_hook.py",
        "system/atomic_file.py",
        "transcripts/made_by.py",
        "transcripts/record.py",
        "transcripts/workshop_copy.py",
    }
    in_place = re.compile(
        r"(?<!atomic_file)\.write_(text|bytes)\(|shutil\.(copy|move)|os\.(replace|rename)\("
    )
    tool = paths.SOURCES / "workshop"
    modules = {file.relative_to(tool).as_posix(): file.read_text() for file in tool.rglob("*.py")}
    assert {name for name, text in modules.items() if in_place.search(text)} == allowed


def test_permissions_and_links_stay(tmp_path):
    file, link = tmp_path / "manage.py", tmp_path / "link.py"
    file.write_text("old")
    file.chmod(0o755)
    link.symlink_to(file)
    atomic_file.write_text(link, "new")
    assert (file.read_text(), file.stat().st_mode & 0o777, link.is_symlink()) == ("new", 0o755, True)
    atomic_file.write_text(tmp_path / "secret", "s", mode=0o600)
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("place", ["playground", ".workshop"])
def test_a_file_in_the_way_of_a_folder_is_a_sentence(tmp_path, monkeypatch, capsys, place):
    root = tmp_path.resolve()
    smallchain.use(smallchain.build(root), monkeypatch)
    (root / place).write_text("")
    assert run("start", "1") == 1
    said = capsys.readouterr().err
    assert f": {place}" in said
    assert "out of the way" in said
    assert "bug in the workshop" not in said

"""The `workshop` script, run by real shells in small projects with one tiny package to install."""

import fcntl
import hashlib
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from workshop import paths

SCRIPT = paths.ROOT / "workshop"
TOOLS = [
    "awk",
    "cat",
    "cksum",
    "df",
    "dirname",
    "grep",
    "mkdir",
    "readlink",
    "rm",
    "sed",
    "sh",
    "tail",
    "uname",
]
SHELLS = [shell for shell in ("dash", "bash") if shutil.which(shell)] or ["sh"]


COPIED = """
import os, pathlib, shutil, subprocess, sys
python, made, target = map(pathlib.Path, sys.argv[1:])
subprocess.run([python, "-I", "-m", "venv", "--without-pip", target], check=True)
shutil.copytree(made / "lib", target / "lib", copy_function=os.link, dirs_exist_ok=True)
for script in (made / "bin").glob("pip*"):
    shutil.copy(script, target / "bin")
    (target / "bin" / script.name).write_text(script.read_text().replace(str(made), str(target)))
"""
"""Makes the venv `target` with `python`. Its pip is linked from the venv `made`, because installing pip takes
longer than everything else in a set-up."""


class Project:
    """A folder with the script, a command line of a few lines, and packages that are on this disk.

    made: a venv from which each new venv gets its pip. Without it, pip is installed as for a learner.
    """

    def __init__(self, folder, made=None):
        self.change = ""
        self.folder, self.wheels, self.bin = folder / "project", folder / "wheels", folder / "bin"
        for path in (self.wheels, self.bin, self.folder / "src/workshop"):
            path.mkdir(parents=True)
        shutil.copy(SCRIPT, self.folder)
        (self.folder / "src/workshop/__main__.py").write_text(
            "import sys, tiny\nprint(tiny.V, *sys.argv[1:])\n"
        )
        for tool in TOOLS:
            (self.bin / tool).symlink_to(shutil.which(tool))
        if made:
            self._copy_pip(folder / "python-that-copies-pip", made)
        self.python("python3")
        self.require("1")

    def _copy_pip(self, program, made):
        """Let each Python that is put on the PATH name `program` as the one to make the venv with."""
        python = shlex.quote(os.path.realpath(sys._base_executable))
        copied = shlex.join(["-I", "-c", COPIED, os.path.realpath(sys._base_executable), str(made)])
        program.write_text(
            f'#!/bin/sh\ncase "$*" in\n"-I -m venv "*) exec {python} {copied} "$4" ;;\nesac\n'
            f'exec {python} "$@"\n'
        )
        program.chmod(0o755)
        self.change = f"import sys; sys._base_executable = {str(program)!r}"

    def require(self, version):
        """List this version of `tiny` as required, and provide its package."""
        wheel = self.wheels / f"tiny-{version}-py3-none-any.whl"
        info = f"tiny-{version}.dist-info"
        files = {
            "tiny.py": f"V = 'tiny {version}'\n",
            f"{info}/METADATA": f"Metadata-Version: 2.1\nName: tiny\nVersion: {version}\n",
            f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            f"{info}/RECORD": f"tiny.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n",
        }
        with zipfile.ZipFile(wheel, "w") as archive:
            for name, text in files.items():
                archive.writestr(zipfile.ZipInfo(name), text)  # without the time: the hash stays the same
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        (self.folder / "requirements.txt").write_text(f"tiny=={version} \\\n    --hash=sha256:{digest}\n")

    def python(self, name, change=None):
        """Put a Python on the PATH. `change` is code that runs before the code that the script passes."""
        change = self.change if change is None else change
        question = 'shift 2; exec "$python" -I -c "$change\n$1" ;;'
        lines = ["#!/bin/sh", f"python={shlex.quote(sys.executable)} change={shlex.quote(change)}"]
        lines += ['case "$*" in', f"-I\\ -c\\ *) {question}", "esac", 'exec "$python" "$@"']
        (self.bin / name).unlink(missing_ok=True)
        (self.bin / name).write_text("\n".join(lines) + "\n")
        (self.bin / name).chmod(0o755)

    def start(self, *arguments, shell="sh", **environment):
        """Start the script in a separate process group, with only `self.bin` on the PATH."""
        env = {
            "HOME": str(self.folder),
            "PATH": str(self.bin),
            "PIP_NO_INDEX": "1",
            "PIP_CONFIG_FILE": os.devnull,
        }
        env |= {"PIP_FIND_LINKS": str(self.wheels), "UV_OFFLINE": "1"} | environment
        command = [shutil.which(shell), str(self.folder / "workshop"), *arguments]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, env=env, stdout=pipe, stderr=pipe, text=True, start_new_session=True)

    def run(self, *arguments, **environment):
        """Run the script, and return its exit code, output and error output."""
        process = self.start(*arguments, **environment)
        out, said = process.communicate(timeout=900)
        return process.returncode, out, said


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A venv with pip, as Python makes it."""
    folder = tmp_path_factory.mktemp("made").resolve()
    subprocess.run([sys._base_executable, "-I", "-m", "venv", folder], check=True)
    return folder


@pytest.fixture
def project(tmp_path, made):
    return Project(tmp_path.resolve(), made)


@pytest.fixture
def learners(tmp_path):
    """A project whose venv is made as on a learner's machine, pip included."""
    return Project(tmp_path.resolve())


@pytest.fixture(scope="module")
def shared(tmp_path_factory, made):
    return Project(tmp_path_factory.mktemp("shared").resolve(), made)


@pytest.fixture
def ready(shared):
    """A project that is set up. Tests share it, which saves a set-up for each of them."""
    shared.require("1")
    assert shared.run()[:2] == (0, "tiny 1\n")
    return shared


@pytest.fixture
def silent_index():
    """A package index that accepts connections but never responds, so the set-up stops in the middle."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(900)
        yield server


def interrupt(project, index, number, shell="sh"):
    """Start a set-up, wait until it asks the index for a package, and send all its processes a signal."""
    host, port = index.getsockname()
    busy = {"PIP_NO_INDEX": "0", "PIP_FIND_LINKS": "", "PIP_INDEX_URL": f"http://{host}:{port}/simple"}
    process = project.start(shell=shell, **busy)
    caller, _ = index.accept()
    os.killpg(process.pid, number)
    said = process.communicate(timeout=900)[1]
    caller.close()
    index.setblocking(False)
    with pytest.raises(BlockingIOError):
        index.accept()  # nobody asked again after the signal
    return process.returncode, said


@pytest.mark.parametrize("shell", SHELLS)
def test_the_first_start_sets_up_and_hands_the_arguments_over(learners, shell):
    code, out, said = learners.run("check", "two  words", shell=shell)
    assert (code, out) == (0, "tiny 1 check two  words\n")
    assert said.splitlines() == [
        "Setting up: installing the packages into .venv. This takes about a minute, once."
    ]


def test_the_second_start_needs_nothing_but_the_checksum(ready):
    """The PATH contains only two tools, and there is no package to install."""
    few = ready.folder.parent / "few"
    few.mkdir()
    for tool in ("cksum", "dirname"):
        (few / tool).symlink_to(shutil.which(tool))
    assert ready.run("again", PATH=str(few), PIP_FIND_LINKS="") == (0, "tiny 1 again\n", "")


def test_a_start_by_a_relative_path_stays_in_its_folder(ready):
    (ready.folder / "src/workshop/__init__.py").write_text("import os\nprint(os.getcwd())\n")
    env = {"PATH": str(ready.bin), "CDPATH": str(ready.folder.parent)}
    away = ready.folder.parent
    out = subprocess.check_output(["sh", "project/workshop"], cwd=away, env=env, text=True)
    (ready.folder / "src/workshop/__init__.py").unlink()
    assert out == f"{away}\ntiny 1\n"


def test_a_start_through_a_link_stays_in_its_clone(ready, tmp_path):
    """Such as a link in ~/bin."""
    link = tmp_path / "workshop"
    link.symlink_to(ready.folder / "workshop")
    out = subprocess.check_output([link, "status"], env={"PATH": str(ready.bin)}, text=True)
    assert out == "tiny 1 status\n"


def test_a_changed_list_of_packages_is_installed_into_the_same_venv(ready):
    kept = ready.folder / ".venv/kept"
    kept.touch()
    ready.require("2")
    assert ready.run() == (0, "tiny 2\n", "The list of packages has changed. Updating .venv.\n")
    assert kept.exists()
    assert ready.run() == (0, "tiny 2\n", "")


def test_a_package_without_a_hash_is_refused(ready):
    ready.require("2")
    (ready.folder / "requirements.txt").write_text("tiny==2\n")
    code, out, said = ready.run()
    assert (code, out, "The packages could not be installed." in said) == (1, "", True)
    assert "hash" in said


def test_a_copied_folder_gets_a_venv_of_its_own(ready, project):
    shutil.rmtree(project.folder)
    project.folder = project.folder.with_name("a copy")
    shutil.copytree(ready.folder, project.folder, symlinks=True)
    code, out, said = project.run()
    assert (code, out, "Setting up" in said) == (0, "tiny 1\n", True)
    assert str(ready.folder) not in (project.folder / ".venv/bin/pip").read_text()
    assert project.run() == (0, "tiny 1\n", "")


def test_a_venv_whose_python_was_removed_is_made_again(learners):
    """An upgrade of the system may remove python3.11, so a link in .venv names it instead of python3."""
    assert learners.run()[:2] == (0, "tiny 1\n")
    link = learners.folder / ".venv/bin/python"
    named = [os.readlink(python) for python in link.parent.glob("python*")]
    assert os.path.realpath(sys._base_executable) in named
    link.unlink()
    link.symlink_to("/no/such/python3.11")
    code, out, said = learners.run()
    assert (code, out, "Setting up" in said) == (0, "tiny 1\n", True)


def test_a_set_up_that_was_killed_starts_again(project, silent_index):
    assert interrupt(project, silent_index, signal.SIGKILL)[0] == -signal.SIGKILL
    assert (project.folder / ".venv/bin/python").exists()
    code, out, said = project.run()
    assert (code, out, "Setting up" in said) == (0, "tiny 1\n", True)


@pytest.mark.parametrize("shell", SHELLS)
def test_ctrl_c_ends_the_set_up_and_says_how_to_go_on(ready, silent_index, shell):
    """The set-up asks for uv and then for another package. After the signal, it must not ask again."""
    with (ready.folder / "requirements.txt").open("a") as file:
        file.write(f"uv==1 \\\n    --hash=sha256:{'0' * 64}\n")
    code, said = interrupt(ready, silent_index, signal.SIGINT, shell)
    assert (code, "Set-up was interrupted. Run the same command again" in said) == (130, True)


def test_of_two_set_ups_at_once_only_one_installs(project):
    processes = [project.start(), project.start()]
    ends = [process.communicate(timeout=900) for process in processes]
    assert [out for out, _ in ends] == ["tiny 1\n"] * 2
    assert sum(said.count("Setting up") for _, said in ends) == 1


def test_a_set_up_waits_for_the_one_that_has_the_lock(ready):
    ready.require("2")
    with (ready.folder / ".workshop/setup.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        process = ready.start()
        assert process.stderr.readline() == "Another ./workshop is setting up. Waiting for it to finish.\n"
        assert ready.folder.joinpath(".venv/workshop-stamp").exists(), "it must not begin yet"
    assert process.communicate(timeout=900)[0] == "tiny 2\n"


@pytest.mark.parametrize("shell", SHELLS)
def test_a_start_that_waited_for_a_set_up_releases_the_lock(ready, shell):
    """Before the command runs, which may be an `up` that lasts for hours."""
    stamp, runs = ready.folder / ".venv/workshop-stamp", ready.folder / "src/workshop/__init__.py"
    runs.write_text("import signal\nprint('it runs', flush=True)\nsignal.pause()\n")
    done = stamp.read_text()
    stamp.unlink()
    try:
        with (ready.folder / ".workshop/setup.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            process = ready.start(shell=shell)
            assert (
                process.stderr.readline() == "Another ./workshop is setting up. Waiting for it to finish.\n"
            )
            stamp.write_text(done)
        assert process.stdout.readline() == "it runs\n"
        with (ready.folder / ".workshop/setup.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        runs.unlink()
        process.kill()
        process.communicate()


def test_without_a_python_the_sentence_says_what_to_install(project):
    (project.bin / "python3").unlink()
    code, _, said = project.run()
    assert (code, said.splitlines()[0]) == (
        1,
        "The workshop needs Python 3.11 or newer, but it was not found.",
    )
    assert "sudo apt install python3 python3-venv; macOS: brew install python" in said


def test_an_old_python_is_named_and_a_newer_one_beside_it_is_used(project):
    project.python("python3", "import sys; sys.version_info = (3, 9, 6)")
    code, _, said = project.run()
    assert (code, "python3 is Python 3.9." in said) == (1, True)
    project.python("python3.12")
    assert project.run()[:2] == (0, "tiny 1\n")


def test_the_python_that_was_named_is_the_only_one_tried(project):
    code, _, said = project.run(PYTHON="/no/such python")
    assert (code, "it was not found at /no/such python." in said) == (1, True)
    project.python("my python", "import sys; sys.version_info = (3, 9, 6)")
    assert "my python is Python 3.9." in project.run(PYTHON=str(project.bin / "my python"))[2]


def test_a_python_without_venv_names_the_package_to_install(project):
    """As on Debian and Ubuntu without python3-venv."""
    project.python("python3", "import sys; sys.modules['ensurepip'] = None")
    code, _, said = project.run()
    python = Path(os.path.realpath(sys._base_executable))
    assert (code, f"{python} cannot create a virtual environment" in said) == (1, True)
    assert f"sudo apt install {python.name}-venv\n" in said


def test_without_network_the_sentence_says_that_it_is_needed_once(project):
    code, _, said = project.run(
        PIP_NO_INDEX="0", PIP_FIND_LINKS="", PIP_INDEX_URL="http://127.0.0.1:9/simple"
    )
    assert (
        code,
        "The package index didn't respond. The first start needs an internet connection" in said,
    ) == (
        1,
        True,
    )


def test_a_full_disk_is_named(learners):
    """On a disk of 8 MB, which only this process sees."""
    isolated = [
        "unshare",
        "-rm",
        "sh",
        "-c",
        'mount -t tmpfs -o size=8m none "$1" && cd "$1" && eval "$2"',
        "-",
    ]
    disk = learners.folder.parent / "disk"
    disk.mkdir()
    if not shutil.which("unshare") or subprocess.run([*isolated, disk, ":"], capture_output=True).returncode:
        pytest.skip("a small disk cannot be mounted here. To run this test: allow user namespaces")
    command = f"cp -R {shlex.quote(str(learners.folder))}/. . && sh ./workshop up"
    end = subprocess.run([*isolated, disk, command], capture_output=True, text=True)
    assert (end.returncode, "The disk is full: the workshop needs about 1 GB." in end.stderr) == (1, True)


LEADS_ASIDE = {
    "variables": {
        "PIP_USER": "1",
        "PIP_TARGET": "aside",
        "PIP_PREFIX": "aside",
        "PIP_ROOT": "aside",
        "PIP_NO_BINARY": ":all:",
        "PIP_DRY_RUN": "1",
        "PIP_PYTHON": "/no/such/python",
        "PIP_REQUIREMENT": "/no/such/file",
        "UV_PYTHON": "/no/such/python",
        "UV_SYSTEM_PYTHON": "1",
        "UV_NO_BINARY": "1",
        "UV_CONSTRAINT": "/no/such/file",
        "UV_PROJECT_ENVIRONMENT": "aside",
        "PYTHONUSERBASE": "aside",
        "PYTHONSAFEPATH": "1",
        "PYTHONPATH": "/no/such/folder",
        "PYTHONWARNINGS": "error",
        "VIRTUAL_ENV": "/no/such/venv",
        "CONDA_PREFIX": "/no/such/venv",
    },
    "pip.conf": "user = true",
    "pip.conf with a target": "target = aside",
    "pip.conf with more": "prefix = aside\nroot = aside\nno-binary = :all:\ndry-run = true\nno-deps = true",
    "uv.toml": '[pip]\ntarget = "aside"',
}


@pytest.mark.parametrize("installer", ["pip", "uv"])
@pytest.mark.parametrize("what", LEADS_ASIDE)
def test_packages_arrive_in_venv_whatever_is_set_for_pip_and_uv(request, installer, what):
    # Twice pip itself comes into the venv under these settings, too.
    whole = installer == "pip" and what in ("variables", "pip.conf with more")
    project = request.getfixturevalue("learners" if whole else "project")
    if installer == "uv":
        (project.bin / "uv").symlink_to(Path(sys.executable).with_name("uv"))
    aside, given = project.folder.parent / "aside", LEADS_ASIDE[what]
    if what == "uv.toml":
        (project.folder / what).write_text(given.replace("aside", str(aside)))
        given = {"UV_CONFIG_FILE": str(project.folder / what)}
    elif what != "variables":
        # The rest of pip.conf still counts, because it may name a company's index.
        text = f"[global]\nfind-links = {project.wheels}\n{given}".replace("aside", str(aside))
        (project.folder / "pip.conf").write_text(text)
        given = {"PIP_CONFIG_FILE": str(project.folder / "pip.conf"), "PIP_FIND_LINKS": ""}
    given = given | {"UV_FIND_LINKS": str(project.wheels)}
    given = {name: value.replace("aside", str(aside)) for name, value in given.items()}
    code, out, said = project.run(**given)
    assert (code, out) == (0, "tiny 1\n"), said
    assert not aside.exists() or (installer, what) == ("uv", "uv.toml")


def test_an_error_that_comes_again_is_not_answered_with_the_same_advice(project):
    said = [project.run(PIP_FIND_LINKS="")[2] for _ in range(2)]
    assert ["No matching distribution found for tiny" in each for each in said] == [True, True]
    assert "Run the same command again" in said[0]
    assert "Run the same command again" not in said[1]
    assert "running it again won't help" in said[1]
    assert project.run()[:2] == (0, "tiny 1\n")


def test_windows_is_sent_to_wsl(project):
    (project.bin / "uname").unlink()
    (project.bin / "uname").write_text("#!/bin/sh\necho MINGW64_NT-10.0-22631\n")
    (project.bin / "uname").chmod(0o755)
    code, _, said = project.run()
    assert (code, "inside WSL 2, because Celery workers don't run on native Windows" in said) == (1, True)


@pytest.mark.parametrize("character", [":", "[", "$"])
def test_a_path_that_python_or_pytest_misreads_is_named_at_once(tmp_path, character):
    folder = tmp_path / f"a{character}HOME"
    folder.mkdir()
    shutil.copy(SCRIPT, folder)
    run = subprocess.run([folder / "workshop"], capture_output=True, text=True, check=False)
    assert (run.returncode, "Rename or move the folder" in run.stderr) == (1, True)
    assert f"cannot run in {folder}, " in run.stderr
    assert [file.name for file in folder.iterdir()] == ["workshop"]


def test_without_its_list_of_packages_the_script_says_how_to_get_it_back(project):
    (project.folder / "requirements.txt").unlink()
    code, _, said = project.run()
    assert (code, said.count("\n"), "git checkout requirements.txt" in said) == (1, 1, True)


def test_a_clone_of_windows_git_has_unix_line_endings(tmp_path):
    """No shell can run a script whose lines end with a carriage return."""
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", "-c", "core.autocrlf=true", paths.ROOT, clone], check=True)
    listed = subprocess.run(
        ["git", "ls-files", "--eol"], cwd=clone, capture_output=True, text=True, check=True
    )
    assert [line for line in listed.stdout.splitlines() if "w/crlf" in line or "w/mixed" in line] == []


def test_a_clean_clone_sets_itself_up_from_the_package_index(tmp_path):
    """The real thing: what the last commit lists, through uv."""
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", paths.ROOT, clone], check=True)
    shutil.copy(SCRIPT, clone)
    env = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    end = subprocess.run([clone / "workshop", "--version"], env=env, capture_output=True, text=True)
    assert (end.returncode, end.stdout.startswith("workshop ")) == (0, True), end.stderr
    (installer,) = (clone / ".venv/lib").glob("python*/site-packages/celery-*/INSTALLER")
    assert installer.read_text().strip() == "uv"
    again = subprocess.run([clone / "workshop", "--version"], env=env, capture_output=True, text=True)
    assert (again.stdout, again.stderr) == (end.stdout, "")

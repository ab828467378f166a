"""Every solution passes all checks, and every starter fails its own steps but nothing else."""

import re

import pytest
from check_events import check_events
from projects import LESSONS, PRODUCTION, copy_of, each_project

from workshop import paths
from workshop.checks.events import Checked, Finished
from workshop.course import project
from workshop.runtime.forked_process import Fork
from workshop.system.environment import inherited

each_lesson = pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)


def verdicts(folder, everything, forks):
    """Check the project in `folder`. Returns {step: whether it passed}, and all events."""
    events = check_events(project.at(folder), everything=everything, forks=forks)
    found = {}
    for event in events:
        if isinstance(event, Checked):
            found[event.step] = found.get(event.step, True) and event.passed
    return found, events


@each_lesson
def test_the_solution_passes_every_step(lesson, tmp_path, forks):
    found, events = verdicts(copy_of(lesson.solution, tmp_path / lesson.name), everything=False, forks=forks)
    assert events[-1] == Finished()
    assert found == {step.id: True for step in lesson.steps} | {"given": True}, events


@each_lesson
def test_the_starter_fails_every_step_and_keeps_what_was_there(lesson, tmp_path, forks):
    found, events = verdicts(copy_of(lesson.folder, tmp_path / lesson.name), everything=True, forks=forks)
    assert events[-1] == Finished()
    assert found == {step.id: False for step in lesson.steps} | {"given": True}
    for event in events:
        if isinstance(event, Checked) and event.failure:
            assert not event.failure.unexpected or "raised at" in event.failure.facts, event


@each_lesson
def test_every_step_has_hints_and_a_place_in_the_text(lesson):
    text = lesson.text.read_text(encoding="utf-8")
    for step in lesson.steps:
        assert len(step.hints) >= 2, step.id
        assert step.hints[0].rstrip().endswith("?"), f"the first hint of {step.id} asks"
        assert f"#{step.anchor}" in text, f"{paths.shown(lesson.text)} has no heading {step.anchor}"


PREDICTION = re.compile(r"\*\*Before you read on:\*\*(.*?)\n\n", re.S)
COMMON = re.compile(
    r"which|what|does|that|this|have|with|when|from|before|they|will|must|could|would|there|your|photo"
    r"|tasks?|process"
)


def content_words(text):
    found = re.findall(r"[a-z_]{4,}", text.lower())
    return {word for word in found if not COMMON.fullmatch(word)}


@each_lesson
def test_the_first_hint_leads_further_than_the_prediction(lesson):
    """The reader has already thought about the prediction. A hint with the same question doesn't help."""
    _, *sections = re.split(r"^### ", lesson.text.read_text(encoding="utf-8"), flags=re.M)
    for step in lesson.steps:
        (section,) = [each for each in sections if each.startswith(f"{step.id} ")]
        asked, hint = content_words(PREDICTION.search(section)[1]), content_words(step.hints[0])
        assert len(asked & hint) < min(len(asked), len(hint)) / 2, f"{step.id}: {step.hints[0]}"


def test_every_solution_has_a_lesson():
    folders = {folder.name for folder in paths.SOLUTIONS.iterdir() if folder.is_dir()}
    assert folders == {lesson.name for lesson in LESSONS}


MANAGE = "import runpy; runpy.run_path('manage.py', run_name='__main__')"


@pytest.fixture
def manage(forks, tmp_path):
    """manage(folder, *arguments, **environment): run manage.py, and return its exit code and output.

    It runs in a forked process, which has already loaded Django, and without this shell's settings.
    """

    def manage(folder, *arguments, **environment):
        environment = inherited() | {"DATA_DIR": str(tmp_path)} | environment
        environment |= {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
        with (tmp_path / "output").open("w+") as output:
            process = Fork(forks.socket, output.fileno())
            process.run("python", [MANAGE, *arguments], folder, environment)
            code = process.wait()
            output.seek(0)
            return code, output.read()

    return manage


@each_project
def test_no_migration_is_missing(folder, manage):
    code, said = manage(folder, "makemigrations", "--check", "--dry-run")
    assert (code, said) == (0, "No changes detected\n")


@each_project
def test_a_deployment_check_finds_nothing_that_the_first_lesson_does_not_explain(folder, manage):
    code, said = manage(folder, "check", "--deploy", EMAIL_HOST="mail.example.com", **PRODUCTION)
    assert code == 0, said
    assert "System check identified" in said
    explained = LESSONS[0].text.read_text(encoding="utf-8")
    for finding in re.findall(r"\((\w+\.[WE]\d+)\)", said):
        assert finding in explained, f"{finding} is not explained in {paths.shown(LESSONS[0].text)}"


PRINTED = "from django.conf import settings; print(settings.{name})"
SWITCHES = {
    name: LESSONS[-1].solution if name == "EMAIL_USE_TLS" else LESSONS[0].folder
    for name in ("DEBUG", "EMAIL_USE_TLS")
}


@pytest.mark.parametrize("name", SWITCHES)
@pytest.mark.parametrize(
    ("value", "on"),
    [("1", True), ("true", True), ("YES", True), ("On", True), (" true\n", True)]
    + [("0", False), ("False", False), ("no", False), ("OFF", False)],
)
def test_a_switch_takes_the_usual_words(manage, name, value, on):
    variables = {"SECRET_KEY": "x" * 60, "EMAIL_HOST": "localhost", name: value}
    said = manage(SWITCHES[name], "shell", "-v0", "-c", PRINTED.format(name=name), **variables)
    assert said == (0, f"{on}\n")


@pytest.mark.parametrize("name", SWITCHES)
@pytest.mark.parametrize("value", ["", "2", "enabled"])
def test_a_switch_refuses_other_words_in_a_sentence(manage, name, value):
    code, said = manage(SWITCHES[name], "check", **{"SECRET_KEY": "x", name: value})
    assert code
    sentence = f"{name} is {value!r}. Set it to one of: 1, true, yes, on, 0, false, no, off."
    assert said.splitlines()[-1].endswith(f"ImproperlyConfigured: {sentence}")


@each_project
def test_an_empty_data_dir_means_the_default(folder, manage, tmp_path):
    copy = copy_of(folder, tmp_path / "project")
    code, said = manage(copy, "shell", "-v0", "-c", PRINTED.format(name="DATA_DIR"), DATA_DIR="")
    assert (code, said) == (0, f"{copy / 'data'}\n")


@pytest.mark.parametrize("name", ["EMAIL_PORT", "SWEEP_AFTER"])
@pytest.mark.parametrize("value", ["", "10m", "smtp", "-5"])
def test_a_number_is_refused_in_a_sentence_that_names_it(manage, name, value):
    code, said = manage(LESSONS[-1].solution, "check", **{name: value})
    assert code
    sentence = f"{name} is {value!r}. Set it to a whole number."
    assert said.splitlines()[-1].endswith(f"ImproperlyConfigured: {sentence}")


@each_project
def test_the_hosts_may_have_spaces_between_them(manage, folder):
    code = PRINTED.format(name="ALLOWED_HOSTS")
    said = manage(folder, "shell", "-v0", "-c", code, ALLOWED_HOSTS="photos.example.com, www.example.com ")
    assert said == (0, "['photos.example.com', 'www.example.com']\n")


@each_project
def test_no_switch_is_read_in_another_way(folder):
    settings = (folder / "myproject/settings.py").read_text(encoding="utf-8")
    assert not re.search(r"environ.* [=!]= ", settings)


@pytest.mark.parametrize(
    "lesson", [lesson for lesson in LESSONS if lesson.waits], ids=lambda lesson: lesson.name
)
def test_a_process_waits_for_a_step_that_there_is(lesson):
    procfile = (lesson.folder / "Procfile").read_text()
    for process, step in lesson.waits.items():
        assert f"{process}:" in procfile
        assert lesson.step(step)

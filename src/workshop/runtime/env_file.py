"""The file .env, which contains this clone's secrets and the selected Docker Compose profiles.

`compose` imports this module before .venv exists, so the module imports only the standard library.
"""

import re
import secrets
import sys
from pathlib import Path

from workshop import paths
from workshop.system import atomic_file

SECRETS = (
    "SECRET_KEY",
    "POSTGRES_PASSWORD",
    "REDIS_PASSWORD",
    "RABBITMQ_PASSWORD",
    "FLOWER_PASSWORD",
    "JUPYTER_TOKEN",
    "GRAFANA_PASSWORD",
    "AWS_SECRET_ACCESS_KEY",
)
"""The names of the secrets in .env. The values can be used in a URL without percent-encoding."""
_VARIABLE = re.compile(
    r"""^[ \t]*(?:export[ \t]+)?(\w+)[ \t]*=[ \t]*(["']?)(.*?)\2[ \t]*(?:[ \t]#.*)?$""", re.MULTILINE
)
"""Matches a line of .env that sets a variable, as Docker Compose reads the line.

The groups are the variable's name, an optional quotation mark, and the value.
"""


def read(file: Path) -> dict[str, str]:
    """Return the variables in .env, or an empty dictionary if the file doesn't exist."""
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    return {name: value for name, _quotation_mark, value in _VARIABLE.findall(text)}


def add_secrets(file: Path) -> dict[str, str]:
    """Add missing secrets to .env, and return the variables in .env. Only the owner can read the file.

    Existing secrets are never changed, because the database in the volume uses them.
    """
    known = read(file)
    new = {name: secrets.token_urlsafe(32) for name in SECRETS if not known.get(name)}
    if not new:
        return known
    print(
        f"Wrote {paths.shown(file)} with {len(new)} random secrets. Git ignores this file.", file=sys.stderr
    )
    return known | write(file, **new)


def write(file: Path, **values: str) -> dict[str, str]:
    """Write `values` to .env, replacing existing lines with the same names, and return `values`."""
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    lines = [line for line in lines if not (match := _VARIABLE.match(line)) or match[1] not in values]
    lines += [f"{name}={value}" for name, value in values.items()]
    atomic_file.write_text(file, "\n".join(lines) + "\n", mode=0o600)
    return values

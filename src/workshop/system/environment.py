"""Environment variables: which of the shell's reach the processes that the workshop starts.

A shell may hold settings of other projects, such as CELERY_BROKER_URL, DEBUG or PYTHONPATH. A list of the
names to drop would never be complete, so this module has a list of the names to pass on.
"""

import ast
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from workshop.errors import WorkshopError

KEEP = "WORKSHOP_KEEP"
"""Holds the names that a person wants to pass on, separated by spaces."""
ALWAYS_KEPT = ("REDIS_URL",)
_USER = "PATH HOME USER LOGNAME SHELL LANG LANGUAGE TZ TMPDIR TMP TEMP DISPLAY WAYLAND_DISPLAY BROWSER CI"
_TERMINAL = "TERM COLORTERM NO_COLOR FORCE_COLOR TTY_COMPATIBLE TTY_INTERACTIVE COLUMNS LINES"
_LIBRARIES = "LD_LIBRARY_PATH NIX_LD NIX_LD_LIBRARY_PATH LOCALE_ARCHIVE"
_CERTIFICATES = "SSL_CERT_FILE SSL_CERT_DIR NIX_SSL_CERT_FILE"
_MACOS = "OBJC_DISABLE_INITIALIZE_FORK_SAFETY __CF_USER_TEXT_ENCODING"
_NAMES = frozenset(" ".join([_USER, _TERMINAL, _LIBRARIES, _CERTIFICATES, _MACOS]).split())
_PREFIXES = ("LC_", "XDG_", "DYLD_", "WSL", "OPENBLAS_", "OMP_", "WORKSHOP_")
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def inherited() -> dict[str, str]:
    """What every process of the workshop gets from the shell. Add its own variables to it.

    It has no proxy. NO_PROXY is there because macOS has proxies in its system settings, too.
    """
    known = {
        name: value for name, value in os.environ.items() if name in _NAMES or name.startswith(_PREFIXES)
    }
    known.pop(KEEP, None)
    return known | _without_proxy({})


def kept() -> dict[str, str]:
    """The variables that a person passes on to their project: REDIS_URL, and those that WORKSHOP_KEEP names.

    WORKSHOP_KEEP itself is among them. Raises WorkshopError when it names a variable that is not set.
    """
    found = {name: value for name in ALWAYS_KEPT if (value := os.environ.get(name))}
    wanted = re.split(r"[\s,]+", os.environ.get(KEEP, "").strip(" ,\n\t"))
    for name in filter(None, wanted):
        if "=" in name:
            raise WorkshopError(
                f"{KEEP} takes only names, without values: write {name.partition('=')[0]} in it, and set "
                "that variable as well."
            )
        if name not in os.environ:
            raise WorkshopError(
                f"{KEEP} names {name}, but {name} is not set in this shell.\n"
                f"Set it (export {name}=…), or remove its name from {KEEP}."
            )
        found |= {name: os.environ[name], KEEP: os.environ[KEEP]}
    return found


def bypass_proxies() -> None:
    """Let this process reach loopback directly, even when the shell sets http_proxy or ALL_PROXY."""
    os.environ.update(_without_proxy(os.environ))


def _without_proxy(known: Mapping[str, str]) -> dict[str, str]:
    """The hosts in `known`, and loopback, as NO_PROXY and no_proxy: libraries read one or the other."""
    hosts = [host.strip() for name in ("no_proxy", "NO_PROXY") for host in known.get(name, "").split(",")]
    # A star alone means all hosts. Python's urllib reads a star in a list as a name.
    value = "*" if "*" in hosts else ",".join(dict.fromkeys(filter(None, [*hosts, *_LOOPBACK])))
    return {"NO_PROXY": value, "no_proxy": value}


def read_by(file: Path) -> set[str]:
    """The names of the variables that a Python file reads, from os.environ or from a copy of it."""
    return set(_reads(ast.parse(file.read_text(encoding="utf-8"))))


def _reads(tree: ast.Module) -> Iterator[str]:
    constants = {
        target.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name)
    }

    def name(node: ast.expr) -> object:
        return constants.get(node.id) if isinstance(node, ast.Name) else getattr(node, "value", None)

    def is_environment(node: ast.expr) -> bool:
        return ast.unparse(node) in ("os.environ", "environ", "environment", "service.environment")

    for node in ast.walk(tree):
        found = None
        if isinstance(node, ast.Subscript) and is_environment(node.value):
            found = isinstance(node.ctx, ast.Load) and name(node.slice)
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "os.getenv":
            found = name(node.args[0])
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get":
            found = is_environment(node.func.value) and name(node.args[0])
        elif isinstance(node, ast.Compare) and is_environment(node.comparators[-1]):
            found = name(node.left)
        if isinstance(found, str):
            yield found

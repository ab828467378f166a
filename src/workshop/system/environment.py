"""The environment variables that the workshop's processes get from the shell.

A shell may contain other projects' settings, such as CELERY_BROKER_URL, DEBUG or PYTHONPATH. A list of
variables to remove would never be complete, so this module lists the variables to pass on.
"""

import ast
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from workshop.errors import WorkshopError

KEEP = "WORKSHOP_KEEP"
"""The environment variable that lists the names of additional variables to pass on, separated by spaces."""
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
    """Return the variables that every process gets from the shell. Callers add their own variables.

    Proxy variables are not passed on. NO_PROXY is set because macOS can also define proxies in its system
    settings.
    """
    names = [name for name in os.environ if name in _NAMES or name.startswith(_PREFIXES)]
    variables = {name: os.environ[name] for name in names if name != KEEP}
    return variables | _without_proxy({})


def kept() -> dict[str, str]:
    """Return REDIS_URL, WORKSHOP_KEEP and the variables that WORKSHOP_KEEP names.

    Raises:
        WorkshopError: WORKSHOP_KEEP contains a value or the name of a variable that is not set.
    """
    variables = {name: value for name in ALWAYS_KEPT if (value := os.environ.get(name))}
    for name in re.findall(r"[^\s,]+", os.environ.get(KEEP, "")):
        if "=" in name:
            raise WorkshopError(
                f"{KEEP} takes only names. Write {name.partition('=')[0]} without its value, and set "
                f"that variable separately."
            )
        if name not in os.environ:
            raise WorkshopError(
                f"{KEEP} names {name}, but {name} is not set in this shell.\n"
                f"Set the variable (export {name}=…), or remove its name from {KEEP}."
            )
        variables |= {name: os.environ[name], KEEP: os.environ[KEEP]}
    return variables


def bypass_proxies() -> None:
    """Let this process connect to local servers directly, even if the shell sets http_proxy or ALL_PROXY."""
    os.environ.update(_without_proxy(os.environ))


def _without_proxy(known: Mapping[str, str]) -> dict[str, str]:
    """Return NO_PROXY and no_proxy with the loopback addresses added.

    Both are needed, because some libraries read only one of the two.
    """
    hosts = [host.strip() for name in ("no_proxy", "NO_PROXY") for host in known.get(name, "").split(",")]
    # On its own, an asterisk means all hosts. In a list, Python's urllib treats an asterisk as a host name.
    value = "*" if "*" in hosts else ",".join(dict.fromkeys(filter(None, [*hosts, *_LOOPBACK])))
    return {"NO_PROXY": value, "no_proxy": value}


def read_by(file: Path) -> set[str]:
    """Return the names of the variables that a Python file reads from os.environ or a copy of os.environ."""
    return set(_reads(ast.parse(file.read_bytes())))


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
        variable = None
        if isinstance(node, ast.Subscript) and is_environment(node.value):
            variable = isinstance(node.ctx, ast.Load) and name(node.slice)
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "os.getenv":
            variable = name(node.args[0])
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get":
            variable = is_environment(node.func.value) and name(node.args[0])
        elif isinstance(node, ast.Compare) and is_environment(node.comparators[-1]):
            variable = name(node.left)
        if isinstance(variable, str):
            yield variable

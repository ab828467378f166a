"""Fill in the values on the settings page, from the finished project and the installed packages.

The page's text contains placeholders in double braces:

    setting NAME          the value in the finished project's settings.py
    task NAME.OPTION      an option of a task's decorator there
    celery name           Celery's own default        django NAME    Django's
    kombu name            a default of Kombu's Redis transport

An unknown name fails the build, so the page never shows an outdated value.
"""

import ast
import re
from collections.abc import Callable
from pathlib import Path

from workshop import paths
from workshop.errors import WorkshopError

PLACE = re.compile(r"\{\{ (?P<kind>setting|task|celery|django|kombu) (?P<name>[\w.]+) \}\}")
TASK_FILES = ("images/tasks.py", "upkeep/tasks.py")


def filled(line: str) -> str:
    """Return `line` with each placeholder replaced by its value."""
    return PLACE.sub(lambda place: f"`{KINDS[place['kind']](place['name'])}`", line)


def project() -> Path:
    """Return the folder of the finished project, which is the last solution."""
    return max(each for each in paths.SOLUTIONS.iterdir() if (each / "manage.py").is_file())


def setting(name: str) -> str:
    """Return the value of `name` in settings.py, or its default if the value comes from the environment.

    Raises WorkshopError if the setting does not exist, or if its value has several lines: a page includes
    such a setting as a code block.
    """
    file = project() / "myproject" / "settings.py"
    node = _assigned(file).get(name)
    if node is None:
        raise WorkshopError(f"There is no {name} in {paths.shown(file)} anymore. Change the text.")
    value = _from_environment(node)
    if node.end_lineno != node.lineno and value is None:
        raise WorkshopError(f"The value of {name} has several lines: include the setting as a code block.")
    return _source(node if value is None else value)


def task(name: str) -> str:
    """Return a task's option, such as `resize_image_task.acks_late`. Raises WorkshopError if not set."""
    function, _, option = name.partition(".")
    for file in TASK_FILES:
        for node in ast.parse((project() / file).read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.name == function:
                words = [word for each in node.decorator_list for word in getattr(each, "keywords", [])]
                for word in words:
                    if word.arg == option:
                        return _source(word.value)
    raise WorkshopError(f"There is no task {function} with the option {option} anymore. Change the text.")


def celery(name: str) -> str:
    """Return Celery's default for a setting such as `result_expires`. Times are in seconds."""
    return _value({key: option.default for key, option in celery_options().items()}, name, "Celery")


def celery_options() -> dict:
    """Return all settings of the installed Celery, by name."""
    from celery.app.defaults import NAMESPACES, flatten

    return dict(flatten(NAMESPACES))


def django(name: str) -> str:
    from django.conf import global_settings

    return _value(vars(global_settings), name, "Django")


def kombu(name: str) -> str:
    from kombu.transport.redis import Channel

    return _value({each: getattr(Channel, each) for each in dir(Channel)}, name, "Kombu's Redis transport")


KINDS: dict[str, Callable[[str], str]] = {
    "setting": setting,
    "task": task,
    "celery": celery,
    "django": django,
    "kombu": kombu,
}


def _value(known: dict, name: str, whose: str) -> str:
    if name not in known:
        raise WorkshopError(f"The installed version of {whose} has no {name}. Change the text.")
    found = known[name]
    return repr(int(found.total_seconds()) if hasattr(found, "total_seconds") else found).replace("'", '"')


def _source(node: ast.expr) -> str:
    return ast.unparse(node).replace("'", '"')


def _assigned(file: Path) -> dict[str, ast.expr]:
    """The names that a module assigns, with their values, including assignments inside an `if`."""
    found = {}
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Assign):
            found |= {target.id: node.value for target in node.targets if isinstance(target, ast.Name)}
    return found


def _from_environment(node: ast.expr) -> ast.expr | None:
    """Return the default from `os.environ.get("NAME", default)` anywhere in a value, or None."""
    for each in ast.walk(node):
        if isinstance(each, ast.Call) and ast.unparse(each.func) == "os.environ.get" and len(each.args) == 2:
            return each.args[1]
    return None

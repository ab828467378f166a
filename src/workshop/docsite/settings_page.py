"""Fill in the values on the settings page from the finished project and the installed packages.

The page's text contains placeholders in double braces:

    setting NAME          the value of a setting in the finished project's settings.py
    task NAME.OPTION      the value of an option in the decorator of one of the project's tasks
    celery name           the default of one of Celery's settings
    django NAME           the default of one of Django's settings
    kombu name            the default of an option of Kombu's Redis transport

An unknown name makes the build fail, so the page never shows an outdated value.
"""

import ast
import re
from collections.abc import Callable
from pathlib import Path

from workshop import paths
from workshop.errors import WorkshopError

PLACEHOLDER = re.compile(r"\{\{ (?P<kind>setting|task|celery|django|kombu) (?P<name>[\w.]+) \}\}")
TASK_FILES = ("images/tasks.py", "upkeep/tasks.py")


def filled(line: str) -> str:
    """Return a line with each placeholder replaced by its value.

    Raises:
        WorkshopError: A name is unknown, or the value of a setting spans several lines.
    """
    return PLACEHOLDER.sub(lambda match: f"`{KINDS[match['kind']](match['name'])}`", line)


def project() -> Path:
    """Return the folder of the finished project, which is the last solution."""
    return max(folder for folder in paths.SOLUTIONS.iterdir() if (folder / "manage.py").is_file())


def setting(name: str) -> str:
    """Return the value of a setting, or its default if the value comes from an environment variable.

    Raises:
        WorkshopError: The setting doesn't exist, or its value spans several lines. A page has to include a
            multi-line setting as a code block.
    """
    file = project() / "myproject" / "settings.py"
    node = _assigned(file).get(name)
    if node is None:
        raise WorkshopError(f"There is no {name} in {paths.shown(file)} anymore. Change the page.")
    default = _from_environment(node)
    if node.end_lineno != node.lineno and default is None:
        raise WorkshopError(f"The value of {name} spans several lines. Include the setting as a code block.")
    return _source(default or node)


def task(name: str) -> str:
    """Return the value of a task's option, such as `resize_image_task.acks_late`.

    Raises:
        WorkshopError: The task doesn't exist, or its decorator doesn't have this option.
    """
    function, _, option = name.partition(".")
    for file in TASK_FILES:
        for node in ast.parse((project() / file).read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.name == function:
                calls = [call for call in node.decorator_list if isinstance(call, ast.Call)]
                options = {keyword.arg: keyword.value for call in calls for keyword in call.keywords}
                if option in options:
                    return _source(options[option])
    raise WorkshopError(f"There is no task {function} with the option {option} anymore. Change the page.")


def celery(name: str) -> str:
    """Return Celery's default for a setting such as `result_expires`. Times are in seconds."""
    defaults = {key: option.default for key, option in celery_options().items()}
    return _value(defaults, name, "Celery")


def celery_options() -> dict:
    """Return all settings of the installed version of Celery, by name."""
    from celery.app.defaults import NAMESPACES, flatten

    return dict(flatten(NAMESPACES))


def django(name: str) -> str:
    """Return Django's default for a setting such as `SESSION_COOKIE_AGE`."""
    from django.conf import global_settings

    return _value(vars(global_settings), name, "Django")


def kombu(name: str) -> str:
    """Return the default of an option of Kombu's Redis transport. Times are in seconds."""
    from kombu.transport.redis import Channel

    return _value({key: getattr(Channel, key) for key in dir(Channel)}, name, "Kombu's Redis transport")


KINDS: dict[str, Callable[[str], str]] = {
    "setting": setting,
    "task": task,
    "celery": celery,
    "django": django,
    "kombu": kombu,
}


def _value(known: dict, name: str, library: str) -> str:
    if name not in known:
        raise WorkshopError(f"The installed version of {library} has no {name}. Change the page.")
    value = known[name]
    return repr(int(value.total_seconds()) if hasattr(value, "total_seconds") else value).replace("'", '"')


def _source(node: ast.expr) -> str:
    return ast.unparse(node).replace("'", '"')


def _assigned(file: Path) -> dict[str, ast.expr]:
    """Return the values that a module assigns, by name, including assignments inside an `if` statement."""
    values = {}
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Assign):
            values |= {target.id: node.value for target in node.targets if isinstance(target, ast.Name)}
    return values


def _from_environment(value: ast.expr) -> ast.expr | None:
    """Return the default in an `os.environ.get("NAME", default)` call, or None if there is no such call."""
    for node in ast.walk(value):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "os.environ.get" and len(node.args) == 2:
            return node.args[1]
    return None

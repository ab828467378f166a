"""The app `images` of all ten projects: which module may import which, and what a photo is called."""

import ast
from pathlib import Path

from projects import each_project

LAYERS = (
    ("storage", "pictures", "resilience", "results", "middleware"),
    ("buckets", "models", "resizing"),
    ("forms", "zip_export"),
    ("tasks",),
    ("queueing",),
    ("admin", "views", "batch_views"),
    ("urls",),
)
"""A module imports only from the lines above its own, so one module of views never imports from another."""


def layer(module: str) -> int | None:
    return next((number for number, names in enumerate(LAYERS) if module in names), None)


def imported(file: Path) -> set[str]:
    """The modules of the app that the file imports."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level == 1:
            found |= {node.module} if node.module else {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("images."):
            found.add(node.module.removeprefix("images."))
    return found


@each_project
def test_modules_import_downwards_only(folder):
    files = [file for file in (folder / "images").glob("*.py") if file.stem not in ("__init__", "apps")]
    assert [file.name for file in files if layer(file.stem) is None] == [], (
        "give the module a place in LAYERS"
    )
    upwards = {
        f"{file.stem} imports {name}"
        for file in files
        for name in imported(file)
        if layer(name) is None or layer(name) >= layer(file.stem)
    }
    assert upwards == set()


TYPED = (
    *(
        f"images/{name}.py"
        for name in ("pictures", "queueing", "resilience", "resizing", "results", "tasks", "zip_export")
    ),
    *(f"upkeep/{name}.py" for name in ("backups", "locks", "reporting", "sweeping", "tidying")),
)


@each_project
def test_functions_that_others_call_have_type_hints_and_docstrings(folder):
    missing = set()
    for file in (folder / name for name in TYPED):
        for node in ast.parse(file.read_text(encoding="utf-8")).body if file.is_file() else ():
            if isinstance(node, ast.FunctionDef):
                taken = [each.annotation for each in node.args.args if each.arg != "self"]
                if None in (node.returns, *taken) or not ast.get_docstring(node):
                    missing.add(f"{file.relative_to(folder)}: {node.name}")
    assert missing == set()


ONE_PHOTO = ("UploadedImage.objects.get(", "UploadedImage.objects.create(", "get_object_or_404(UploadedImage")


def photo_names(tree: ast.Module):
    """The names that a module gives to one photo, and to a list of ids of photos, with their lines."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.For, ast.comprehension)) and "photos" in words(node.iter):
            target = node.target.elts[-1] if isinstance(node.target, ast.Tuple) else node.target
            yield "photo", target
        elif isinstance(node, ast.Assign):
            value = ast.unparse(node.value)
            if value.startswith(ONE_PHOTO):
                yield "photo", node.targets[0]
            if "values_list('pk', flat=True)" in value and ("UploadedImage" in value or "photos" in value):
                yield "image_ids", node.targets[0]


def words(node: ast.expr) -> set[str]:
    """`photos` and `enumerate(photos)`: what is looped over, not what is done with it."""
    if isinstance(node, ast.Call) and ast.unparse(node.func) in ("enumerate", "list", "reversed"):
        return words(node.args[0])
    return {node.id} if isinstance(node, ast.Name) else set()


@each_project
def test_a_row_is_a_photo_and_its_id_an_image_id(folder):
    others = [
        f"{file.relative_to(folder)}:{target.lineno}: {ast.unparse(target)}, not {name}"
        for file in sorted(folder.rglob("*.py"))
        if not {"checks", "migrations"} & set(file.parts)
        for name, target in photo_names(ast.parse(file.read_text(encoding="utf-8")))
        if ast.unparse(target) != name
    ]
    assert others == []

"""Files that other programs read, against the schemas of those programs. Nothing is fetched.

The schemas come with the package check-jsonschema. A key that is spelt wrong is an error to them, where YAML
alone sees a name like any other, and the hosted checks would pass it over in silence.
"""

import subprocess
import sys

import pytest

from workshop import paths

COMPOSE, WORKFLOWS = "vendor.compose-spec", "vendor.github-workflows"
WORKFLOW_FILES = sorted((paths.ROOT / ".github/workflows").glob("*.y*ml"))
FILES = [(COMPOSE, paths.ROOT / "docker-compose.yml"), *((WORKFLOWS, file) for file in WORKFLOW_FILES)]


def fault(schema, file):
    """What the schema has against the file, in words; empty when the file is right."""
    command = [sys.executable, "-m", "check_jsonschema", "--color", "never", "--builtin-schema", schema, file]
    # A proxy that nobody listens at: a schema that had to be fetched would be an error.
    nowhere = {"HTTP_PROXY": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9"}
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=nowhere)
    return "" if run.returncode == 0 else run.stdout + run.stderr


@pytest.mark.parametrize(("schema", "file"), FILES, ids=lambda each: getattr(each, "name", ""))
def test_the_file_fits_its_schema(schema, file):
    assert fault(schema, file) == ""


@pytest.mark.parametrize(
    ("schema", "name", "right", "wrong"),
    [
        (COMPOSE, "docker-compose.yml", "    hostname: rabbitmq", "    host_name: rabbitmq"),
        # One that the services take over by <<
        (COMPOSE, "docker-compose.yml", "  cap_drop: [ALL]", "  cap_dropp: [ALL]"),
        (COMPOSE, "docker-compose.yml", "cpu_shares: 256", "cpu_shares: [256]"),
        (WORKFLOWS, ".github/workflows/test.yml", "    runs-on:", "    runs_on:"),
        (WORKFLOWS, ".github/workflows/test.yml", "        env:", "        environment:"),
        (WORKFLOWS, ".github/workflows/test.yml", "contents: read", "contents: reed"),
    ],
)
def test_what_is_wrong_is_found(tmp_path, schema, name, right, wrong):
    text = (paths.ROOT / name).read_text(encoding="utf-8")
    assert right in text
    file = tmp_path / "broken.yml"
    file.write_text(text.replace(right, wrong), encoding="utf-8")
    said = fault(schema, file)
    # Not a traceback, and not a schema that is missing: the file is what is wrong.
    assert "Schema validation errors were encountered" in said
    assert wrong.split(":")[0].strip() in said

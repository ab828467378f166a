"""Files that other programs read, against the schemas of those programs. Nothing is fetched.

Most schemas come with the package check-jsonschema; pre-commit checks its own configuration. A misspelled key
is an error to them. YAML alone accepts every key, and the hosted checks would silently ignore it.
"""

import subprocess
import sys

import pytest
from click.testing import CliRunner

from workshop import paths

COMPOSE, DEPENDABOT, PRE_COMMIT = "vendor.compose-spec", "vendor.dependabot", "pre-commit"
WORKFLOWS, TIMEOUTS = "vendor.github-workflows", "custom.github-workflows-require-timeout"
WORKFLOW_FILES = sorted((paths.ROOT / ".github/workflows").glob("*.y*ml"))
FILES = [
    (COMPOSE, paths.ROOT / "docker-compose.yml"),
    (DEPENDABOT, paths.ROOT / ".github/dependabot.yml"),
    (PRE_COMMIT, paths.ROOT / ".pre-commit-config.yaml"),
    *((schema, file) for file in WORKFLOW_FILES for schema in (WORKFLOWS, TIMEOUTS)),
]


# Nothing listens at this proxy: a schema that had to be fetched would be an error.
NOWHERE = {"HTTP_PROXY": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9"}


def complaint(schema, file):
    """Return the message of the schema about the file; "" if the file is valid."""
    if schema == PRE_COMMIT:
        command = [sys.executable, "-m", "pre_commit", "validate-config", "--color", "never", file]
        run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=NOWHERE)
        # It only warns of a key that it does not know, and prints nothing when the file is right.
        return run.stdout + run.stderr
    # In this process, and not before it is needed: its imports take more than a second.
    import check_jsonschema

    arguments = ["--builtin-schema", schema, "--color", "never", str(file)]
    run = CliRunner(env=NOWHERE).invoke(check_jsonschema.main, arguments)
    assert run.exception is None or isinstance(run.exception, SystemExit), run.exception
    return run.output if run.exit_code else ""


@pytest.mark.parametrize(("schema", "file"), FILES, ids=lambda each: getattr(each, "name", ""))
def test_the_file_fits_its_schema(schema, file):
    assert complaint(schema, file) == ""


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
        (WORKFLOWS, ".github/workflows/docs.yml", "    needs: build", "    need: build"),
        (WORKFLOWS, ".github/workflows/docs.yml", "id-token: write", "id-token: reed"),
        (TIMEOUTS, ".github/workflows/docs.yml", "    timeout-minutes:", "    timeout:"),
        (DEPENDABOT, ".github/dependabot.yml", "package-ecosystem: pip", "package-ecosystem: pipp"),
        (DEPENDABOT, ".github/dependabot.yml", "    groups:", "    group:"),
        (DEPENDABOT, ".github/dependabot.yml", "interval: monthly", "interval: sometimes"),
        (PRE_COMMIT, ".pre-commit-config.yaml", "language: system", "language: sistem"),
        (PRE_COMMIT, ".pre-commit-config.yaml", "types_or: [python", "types_or: [pithon"),
        (PRE_COMMIT, ".pre-commit-config.yaml", "files: ^notebooks", "files: ^(notebooks"),
    ],
)
def test_what_is_wrong_is_found(tmp_path, schema, name, right, wrong):
    text = (paths.ROOT / name).read_text(encoding="utf-8")
    assert right in text
    file = tmp_path / "broken.yml"
    file.write_text(text.replace(right, wrong), encoding="utf-8")
    said = complaint(schema, file)
    # Not a traceback, and not a schema that is missing: the file is what is wrong.
    assert ("==> File" if schema == PRE_COMMIT else "Schema validation errors were encountered") in said
    assert wrong.split(":")[0].strip() in said

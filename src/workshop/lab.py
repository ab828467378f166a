"""JupyterLab as `up` starts it: `python -m workshop.lab` is `python -m jupyterlab`, and starts sooner."""

import sys

from . import quick_jsonschema  # noqa: F401

# isort: split
from jupyterlab.labapp import main

if __name__ == "__main__":
    sys.exit(main())

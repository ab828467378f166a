"""Like `python -m jupyterlab`, but `python -m workshop.notebooks.lab` starts faster. `up` uses it."""

import sys

from jupyterlab.labapp import main

if __name__ == "__main__":
    sys.exit(main())

"""Start JupyterLab, like `python -m jupyterlab` but faster. `./workshop up` runs this module."""

import sys

from jupyterlab.labapp import main

if __name__ == "__main__":
    sys.exit(main())

"""Convert the notebooks, serve them in JupyterLab, and run them from top to bottom.

This package makes nbformat and JupyterLab start faster. If rfc3987_syntax is installed, jsonschema imports
rfc3987_syntax, which compiles a grammar and therefore needs more than a second. Only the format "iri" needs
rfc3987_syntax, and notebooks don't use this format. Because its entry in sys.modules is None, the import
fails, and jsonschema works without rfc3987_syntax.
"""

import sys

from workshop import paths

sys.modules.setdefault("rfc3987_syntax", None)


def settings_folders() -> dict[str, str]:
    """Return environment variables that replace the learner's own settings of Jupyter and IPython.

    The settings in ~/.jupyter and ~/.ipython are for other projects. For example, they can change
    JupyterLab's address, or run code in each kernel.
    """
    folder = paths.STATE / "jupyter"
    return {"JUPYTER_CONFIG_DIR": str(folder), "IPYTHONDIR": str(folder / "ipython")}

"""The notebooks: convert them, serve them in JupyterLab, and run them from top to bottom.

The modules of this package start faster than nbformat and JupyterLab alone. If rfc3987_syntax is installed,
jsonschema imports it, and it compiles a grammar for more than a second. It is used only for the format "iri",
which notebooks don't contain. With None in sys.modules, the import fails, and jsonschema works without it.
"""

import sys

sys.modules.setdefault("rfc3987_syntax", None)

"""Convert the notebooks, serve them in JupyterLab, and run them from top to bottom.

This package makes nbformat and JupyterLab start faster. If rfc3987_syntax is installed, jsonschema imports
it, which takes more than a second, because rfc3987_syntax compiles a grammar. Only the format "iri" needs
rfc3987_syntax, and notebooks don't use this format. With None in sys.modules, the import fails, and
jsonschema works without rfc3987_syntax.
"""

import sys

sys.modules.setdefault("rfc3987_syntax", None)

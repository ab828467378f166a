"""Convert the notebooks, serve them in JupyterLab, and run them from top to bottom.

This package makes nbformat and JupyterLab start faster. If rfc3987_syntax is installed, jsonschema imports
rfc3987_syntax, which compiles a grammar and therefore needs more than a second. Only the format "iri" needs
rfc3987_syntax, and notebooks don't use this format. Because its entry in sys.modules is None, the import
fails, and jsonschema works without rfc3987_syntax.
"""

import sys

sys.modules.setdefault("rfc3987_syntax", None)

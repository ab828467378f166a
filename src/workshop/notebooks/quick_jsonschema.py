"""Import this before jsonschema, nbformat or JupyterLab, so that they start faster.

If rfc3987_syntax is installed, jsonschema imports it, and it compiles a grammar for more than a second. It is
used only for the format "iri", which notebooks don't contain. With None in sys.modules, the import fails, and
jsonschema works without it.
"""

import sys

sys.modules.setdefault("rfc3987_syntax", None)

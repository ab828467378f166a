"""Import this before anything that imports jsonschema, such as nbformat and JupyterLab: they start sooner.

jsonschema imports rfc3987_syntax where that is installed, and that package compiles a grammar, which takes
more than a second. It is for the format "iri", which notebooks do not have. With None in its place the import
fails, and jsonschema does without it.
"""

import sys

sys.modules.setdefault("rfc3987_syntax", None)

"""Call a function of a module in this folder inside the project in the current folder.

    python run.py MODULE.FUNCTION [ARGUMENT …]

Django is set up before the module is imported. The last line of the output is what the function returns, as
JSON. `projects.Project.call` runs this script.
"""

import importlib
import json
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = "."  # the project's modules come first
    here = Path(__file__).parent
    sys.path += [str(here), str(here.parent)]
    import django

    django.setup()
    import myproject  # noqa: F401  the app that tasks are sent with
    from django.conf import settings

    settings.ALLOWED_HOSTS = ["testserver"]
    name, *arguments = sys.argv[1:]
    module, _, function = name.rpartition(".")
    print(json.dumps(getattr(importlib.import_module(module), function)(*arguments)))

"""Start JupyterLab in a container, with the notebooks on a volume and the running project."""

import json
import os
import shutil
import sys
from pathlib import Path

ROOT, FOLDER = Path(__file__).parents[1], Path("/notebooks")


def main(project: str) -> None:
    """Replace this process with JupyterLab. `project` is the folder that the other containers run."""
    for file in ROOT.glob("notebooks/*"):
        if file.suffix == ".py" or not (FOLDER / file.name).exists():
            shutil.copyfile(file, FOLDER / file.name)
            if file.suffix == ".ipynb" and "/solutions/" in project:
                copied = FOLDER / file.name
                text = copied.read_text(encoding="utf-8")
                copied.write_text(
                    text.replace('PROJECT = \\"mine\\"', 'PROJECT = \\"solution\\"'), encoding="utf-8"
                )
    # The notebooks read Flower's password from this file.
    state = Path(os.environ["WORKSHOP_STATE"])
    state.mkdir(exist_ok=True)
    (state / "flower-password").write_text(os.environ.pop("FLOWER_PASSWORD"), encoding="utf-8")
    running = {
        "addresses": {"site": "http://web:8000", "flower": "http://flower:5555"},
        "folder": project,
        "data": os.environ["DATA_DIR"],
        "command": "LESSON={lesson} ./workshop compose up --detach --wait",
    }
    # The token is in JUPYTER_TOKEN and not in an option, because every user can see command lines with ps.
    options = {
        "ServerApp.ip": "0.0.0.0",
        "ServerApp.port": "8888",
        "ServerApp.root_dir": str(FOLDER),
        "LabApp.news_url": "None",
        "LabApp.check_for_updates_class": "jupyterlab.handlers.announcements.NeverCheckForUpdate",
        "LabApp.extension_manager": "readonly",
    }
    words = [f"--{name}={value}" for name, value in options.items()]
    environment = os.environ | {"WORKSHOP_RUNNING": json.dumps(running)}
    os.execve(sys.executable, [sys.executable, "-m", "jupyterlab", "--no-browser", *words], environment)


if __name__ == "__main__":
    main(sys.argv[1])

"""Entry point of `python -m workshop`, which `./workshop` runs after the set-up."""

import sys
from signal import SIGINT

if __name__ == "__main__":
    try:
        from workshop.cli import main

        main()
    except KeyboardInterrupt:  # Ctrl-C during the import, which takes a moment
        sys.exit(128 + SIGINT)

"""Serve a solution as a separate site until standard input is closed.

`python -m workshop.runtime.serve_solution 01-sync` prints its address, or the reason why it failed.
"""

import sys

from workshop.errors import WorkshopError
from workshop.runtime.solution_site import running


def main(name: str) -> None:
    try:
        with running(name) as site:
            print(site.address, flush=True)
            sys.stdin.read()
    except WorkshopError as error:
        print(error, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])

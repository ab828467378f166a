"""A solution as a site of its own, for as long as somebody holds the other end of the standard input.

`python -m workshop.beside 01-sync` prints the site's address, or in a sentence why there is none.
"""

import sys

from .demo_site import running
from .errors import WorkshopError


def main(name: str) -> None:
    try:
        with running(name) as site:
            print(site.address, flush=True)
            sys.stdin.read()
    except WorkshopError as error:
        print(error, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])

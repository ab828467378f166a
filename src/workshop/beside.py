"""A solution as a site of its own, for as long as somebody holds the other end of the standard input.

`python -m workshop.beside 01-sync` prints the site's address, or in a sentence why there is none.
"""

import sys
import tempfile
from pathlib import Path

from .demo_site import Site
from .errors import WorkshopError


def main(name: str) -> None:
    with tempfile.TemporaryDirectory(prefix="workshop-beside-", ignore_cleanup_errors=True) as folder:
        site = Site(name, Path(folder))
        try:
            site.start()
            site.wait()
            print(site.address, flush=True)
            sys.stdin.read()
        except WorkshopError as error:
            print(error, flush=True)
        finally:
            site.stop()


if __name__ == "__main__":
    main(sys.argv[1])

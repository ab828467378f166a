"""Create names that only this kernel uses, so that two readers can share a broker and a database."""

import hashlib
import secrets

from IPython import get_ipython


def _kernel() -> str:
    """Return this kernel's eight-character ID, which stays the same when the kernel is restarted."""
    if get_ipython() is None:
        return secrets.token_hex(4)
    from ipykernel.connect import get_connection_file

    try:
        return hashlib.sha256(get_connection_file().encode()).hexdigest()[:8]
    except RuntimeError:  # IPython in a terminal has no connection file
        return secrets.token_hex(4)


KERNEL = _kernel()


def unique(name: str) -> str:
    """Return `name` with this kernel's eight-character ID appended, such as "notebook-3f9a01bc"."""
    return f"{name}-{KERNEL}"


LOOK_QUEUE = unique("for-a-look")
"""The name of a queue that no worker consumes from, so you can inspect the messages in the queue.

`tidy()` deletes the queue.
"""

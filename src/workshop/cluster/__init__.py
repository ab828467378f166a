"""`./workshop cluster`: several workers, each as on a host of its own, on this machine."""

VISIBILITY_TIMEOUT = 10
"""Seconds: longer than a photo takes, and all that a worker has taken ahead; short enough to wait for."""

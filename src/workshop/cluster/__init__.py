"""`./workshop cluster`: simulate several hosts on this machine, each with its own worker."""

VISIBILITY_TIMEOUT = 10
"""Seconds. Long enough for one photo and all prefetched messages, but short enough to wait for."""

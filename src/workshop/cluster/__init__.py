"""`./workshop cluster`: simulate several hosts on this machine, each with its own worker."""

VISIBILITY_TIMEOUT = 10
"""The visibility timeout in seconds.

It is long enough for one photo and all prefetched messages, but short enough to wait for.
"""

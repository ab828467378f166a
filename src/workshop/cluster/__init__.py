"""`./workshop cluster`: simulate several hosts on this machine, each with its own worker."""

VISIBILITY_TIMEOUT = 10
"""The visibility timeout in seconds.

The timeout is long enough for a worker to process one photo and all prefetched messages, but short enough for
the command to wait until it expires.
"""

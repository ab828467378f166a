"""`./workshop cluster`: simulate several hosts on this machine, each with its own worker."""

VISIBILITY_TIMEOUT = 10
"""The visibility timeout in seconds.

This is enough time for a worker to process one photo and all prefetched messages, but the command doesn't
have to wait long until a message returns to the queue.
"""

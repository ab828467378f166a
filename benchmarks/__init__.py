"""`./workshop bench`: measure the workshop's claims on the user's own machine.

The alternatives in a comparison do the same work with the same broker and on the same cores, and take turns
several times. Only the ratios within one run count. If an alternative doesn't do its work, the run fails.
"""

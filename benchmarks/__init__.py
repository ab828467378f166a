"""`./workshop bench`: check the workshop's claims by measuring them on the user's own machine.

The alternatives in a comparison do the same work with the same broker on the same cores, and they take turns
several times. Only the ratios within one run count. If an alternative doesn't do all its work, the run fails.
"""

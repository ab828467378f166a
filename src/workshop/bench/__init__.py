"""`./workshop bench`: what the workshop claims, measured on the user's own machine.

Every comparison does the same work on the same broker and cores, in turn, several times; what counts is the
ratio within one run. A competitor that did not do the work ends the run.
"""

"""What holds for every test."""

import signal

# Tests press Ctrl-C. Started in the background of a script, a run inherits that SIGINT is ignored, and so
# would all that it starts; a handler of our own becomes the default again in them.
signal.signal(signal.SIGINT, signal.default_int_handler)

"""The workshop's command line: lessons, checks, the broker and the processes around them."""

__version__ = "0.1.0"

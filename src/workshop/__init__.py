"""The workshop's command line: lessons, checks, and the processes of a lesson."""

__version__ = "0.1.0"

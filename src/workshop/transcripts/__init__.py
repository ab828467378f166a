"""The terminal output on the pages: how it is recorded again (`./workshop dev runs`)."""

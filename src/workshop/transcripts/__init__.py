"""Record the terminal output on the pages again (`./workshop dev runs`)."""

"""Record the terminal output that the pages show again (`./workshop dev runs`)."""

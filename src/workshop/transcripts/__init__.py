"""Run the commands whose terminal output the pages show, and record it again (`./workshop dev runs`)."""

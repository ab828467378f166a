"""Run the commands whose terminal output the pages show, and record the output (`./workshop dev runs`)."""

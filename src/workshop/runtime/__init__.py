"""What runs: the broker, the processes of a project, the servers around them, and why a process failed."""

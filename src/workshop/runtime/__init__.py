"""Run the broker, a project's services and other servers, and find out why a process failed."""

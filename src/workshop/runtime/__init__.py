"""Processes: the broker, a project's services, other servers, and the reason why a process failed."""

"""Run a lesson's checks on a project, and report the results."""

"""The learner's commands. Each command has its own module."""

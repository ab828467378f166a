"""The learner's commands, one module each."""

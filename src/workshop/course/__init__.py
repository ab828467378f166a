"""The course: the lessons and steps, their solutions, and the learner's copies and progress."""

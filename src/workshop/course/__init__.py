"""The course: lessons and steps, and the learner's copies, progress, solutions and differences."""

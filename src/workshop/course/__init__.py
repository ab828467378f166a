"""The course: lessons, steps, and what the learner has of them: copies, progress, solutions, differences."""

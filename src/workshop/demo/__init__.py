"""`./workshop demo`: run the finished system with sample photos, and show their progress in the terminal."""

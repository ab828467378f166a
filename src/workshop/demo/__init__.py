"""`./workshop demo`: the finished system with real photos, in the terminal."""

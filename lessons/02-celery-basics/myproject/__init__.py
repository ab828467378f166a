# TODO 2.2: whatever Django starts has to load the app too.

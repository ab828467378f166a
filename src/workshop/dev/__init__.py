"""The maintainers' commands: `./workshop dev …` and `./workshop test`."""

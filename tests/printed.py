"""What a command has printed, for a comparison with sentences."""


def sentences(text):
    """`text` in one line with single blanks: where it was wrapped does not count."""
    return " ".join(text.split())

"""Output of a command, to search it for sentences that may be wrapped."""


def in_one_line(text):
    """Return `text` in one line, with single spaces."""
    return " ".join(text.split())


class Printed(str):
    """Text for which `"a sentence" in Printed(text)` is also true if the sentence is wrapped."""

    def __contains__(self, words):
        return super().__contains__(words) or in_one_line(words) in in_one_line(self)

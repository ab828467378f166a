"""What a command has printed, for a comparison with sentences."""


def in_one_line(text):
    """`text` with single blanks: where its lines end does not count."""
    return " ".join(text.split())


class Printed(str):
    """`"a sentence" in Printed(text)` holds also where the sentence goes on in the next line."""

    def __contains__(self, words):
        return super().__contains__(words) or in_one_line(words) in in_one_line(self)

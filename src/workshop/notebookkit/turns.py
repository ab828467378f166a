"""Check the answers to the "your turn" cells."""

import importlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from html import escape

from workshop.errors import WorkshopError

from .sentences import EXPECTED

YOURS = "Replace the three dots in the cell above, run that cell, and then run this one again."
MARKS = {True: "✓ Right.", False: "✗ Not yet."}


@dataclass(frozen=True)
class Verdict:
    """Whether an answer is right, and an explanation."""

    right: bool
    text: str

    def __repr__(self) -> str:
        return f"{MARKS[self.right]} {self.text}"

    def _repr_html_(self) -> str:
        text = re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(self.text))
        return f"<p><b>{MARKS[self.right]}</b> {text}</p>"


class Missing(Exception):
    """Raised by a check. The message says what is missing."""


def expect(condition: object, sentence: str) -> None:
    """Raise Missing with `sentence` unless `condition` is true."""
    if not condition:
        raise Missing(sentence)


def check(turn: str, *answers: object) -> Verdict:
    """Check the answers to a "your turn" cell: "2.1" is the first one in notebook 02.

    An answer that is still `...` counts as not given. Raises WorkshopError if there is no such turn.
    """
    if any(answer is ... for answer in answers):
        return Verdict(False, YOURS)
    try:
        return Verdict(True, _checker(turn)(*answers))
    except Missing as missing:
        return Verdict(False, str(missing))
    except EXPECTED:
        raise  # the cell shows a sentence for this error
    except Exception as error:  # show a sentence for any answer
        return Verdict(
            False, f"Checking your answer raised {type(error).__name__}: {str(error).rstrip('.')}."
        )


def _checker(turn: str) -> Callable[..., str]:
    lesson, _, number = turn.partition(".")
    try:
        module = importlib.import_module(f"{__package__}.turns_{int(lesson):02}")
        return getattr(module, f"turn_{number}")
    except (ModuleNotFoundError, ValueError, AttributeError):
        raise WorkshopError(
            f"There is no exercise {turn}. The heading above the cell has its number."
        ) from None

"""The "your turn" cells: what makes an answer right, and the sentence for what is missing."""

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
    """Whether an answer is right, and why or what is missing."""

    right: bool
    text: str

    def __repr__(self) -> str:
        return f"{MARKS[self.right]} {self.text}"

    def _repr_html_(self) -> str:
        text = re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(self.text))
        return f"<p><b>{MARKS[self.right]}</b> {text}</p>"


class Missing(Exception):
    """Raised in a check with the sentence that says what is missing."""


def expect(condition: object, sentence: str) -> None:
    """Go on when `condition` is true; otherwise the answer lacks what `sentence` says."""
    if not condition:
        raise Missing(sentence)


def check(turn: str, *answers: object) -> Verdict:
    """Look at the answers of one "your turn": "2.1" is the first of notebook 02.

    An answer that is still `...` has not been given. Raises WorkshopError when there is no such turn.
    """
    if any(answer is ... for answer in answers):
        return Verdict(False, YOURS)
    try:
        return Verdict(True, _checker(turn)(*answers))
    except Missing as missing:
        return Verdict(False, str(missing))
    except EXPECTED:
        raise  # the cell says it in a sentence
    except Exception as error:  # whatever a reader hands over, they get a sentence
        return Verdict(
            False, f"Looking at your answer raised {type(error).__name__}: {str(error).rstrip('.')}."
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

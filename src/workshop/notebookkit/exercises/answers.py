"""Functions that reject wrong answers. The checks of several exercises use these functions."""

import math
import reprlib
from collections.abc import Iterable

from workshop.checkkit import complain, expect

UNANSWERED = "Replace the three dots in the cell above, run that cell, and then run this one again."


def expect_answered(*values: object) -> None:
    """Reject the answer if one of `values` is still the placeholder `...`."""
    expect(all(value is not ... for value in values), UNANSWERED)


def expect_function(name: str, answer: object, takes: str) -> None:
    """Reject `answer` unless it is a function. The message contains `name` and the arguments in `takes`."""
    expect(callable(answer), f"`{name}` must be a function that takes {takes}.")


def expect_type(name: str, answer: object, types: type | tuple[type, ...], what: str) -> None:
    """Reject `answer` unless its type is one of `types`. The message says that `name` must be `what`."""
    expect(isinstance(answer, types), f"`{name}` is {reprlib.repr(answer)}, but it must be {what}.")


def expect_number(name: str, answer: object, what: str = "a number") -> None:
    """Reject `answer` unless it is a number. The message says that `name` must be `what`."""
    expect_type(name, answer, (int, float), what)


def expect_keys(case: str, returned: object, *keys: str) -> None:
    """Reject the value that the reader's function returned unless it is a dictionary with `keys`.

    If the value is the placeholder `...` or contains it, the reader has not changed the function yet.
    """
    expect_answered(returned)
    *others, last = [f'"{key}"' for key in keys]
    expect(
        isinstance(returned, dict) and set(keys) <= returned.keys(),
        f"For {case}, your function returned {returned!r}. Return a dictionary with {', '.join(others)} and "
        f"{last}.",
    )
    expect_answered(*returned.values())


def expect_close(
    answer: float,
    right: float,
    mistakes: Iterable[tuple[float, str]],
    otherwise: str,
    abs_tol: float = 0.0,
) -> None:
    """Reject a wrong number, and explain the mistake.

    Args:
        answer: The reader's number. It may differ from `right` by up to two percent.
        right: The right number.
        mistakes: The numbers that result from typical mistakes, each with a sentence about the mistake.
        otherwise: The sentence to show if the number matches none of the mistakes.
        abs_tol: The absolute difference from `right` that is always allowed.
    """
    if math.isclose(answer, right, rel_tol=0.02, abs_tol=abs_tol):
        return
    for wrong, sentence in mistakes:
        expect(not math.isclose(answer, wrong, rel_tol=0.02, abs_tol=abs_tol), sentence)
    complain(otherwise)

"""Explain to the learner why a check failed."""

from workshop.checkkit import Complaint
from workshop.checkkit.code_locations import UNKNOWN, raised_at
from workshop.checks.events import Failure


def explain(error: BaseException) -> Failure:
    """Return an explanation, written for the learner, of an exception that a check raised."""
    if isinstance(error, Complaint):
        return Failure(what=error.what, why=error.why, facts=error.facts)
    message = f"{type(error).__name__}: {error}".strip().removesuffix(":").splitlines()[0]
    location = raised_at(error)
    facts = {} if location == UNKNOWN else {"raised at": location}
    return Failure(what=message, why=_advice(error), facts=facts, unexpected=True)


def _advice(error: BaseException) -> str:
    """Return advice on fixing the exception, or "" if the cause depends on the step."""
    if isinstance(error, NameError) and error.name and not isinstance(error, UnboundLocalError):
        return (
            f"This file doesn't define the name {error.name}. Is an import missing, or is the name "
            f"misspelled?"
        )
    if type(error).__name__ == "IntegrityError" and "check constraint" in str(error).lower():
        return (
            "The columns of a photo contradict each other, so the database rejects the row (see the "
            "constraints in images/models.py). Call photo.attach_resized(), which writes all columns of a "
            "resized photo at the same time."
        )
    if str(error) == "on_commit()'s callback must be a callable.":
        return (
            "on_commit() takes a function and calls it later. If you write parentheses after the function's "
            "name, the function is called immediately, and on_commit() receives its return value."
        )
    return ""

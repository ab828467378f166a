"""Show what a Python program reads after Kombu has sent a value as JSON."""

from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

from kombu.utils.json import dumps, loads

VALUES = [
    (1, 2),
    {1: "a"},
    datetime(2026, 5, 1, 10, tzinfo=UTC),
    date(2026, 5, 1),
    UUID(int=5),
    Decimal("1.10"),
    {1, 2},
    object,
]

for value in VALUES:
    print(f"sent      {value!r}")
    try:
        message = dumps(value)
        print(f"message   {message}")
        print(f"arrives   {loads(message)!r}\n")
    except TypeError as error:
        print(f"refused   {type(error).__name__}: {error}\n")

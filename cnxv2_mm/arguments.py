"""Checks of what a config says: one line names the argument, its value and what is allowed."""

from collections.abc import Callable
from numbers import Integral, Real
from typing import Any

_KINDS: dict[type, type] = {bool: bool, int: Integral, float: Real}


def check_argument(
    name: str, value: object, kind: type, allowed: str, fits: Callable[[Any], bool] = lambda _: True
) -> None:
    """Refuse an argument of another type or outside its range.

    Args:
        name: The name of the argument.
        value: The value that was given.
        kind: The type that it must have: bool, int or float. A whole number is a float too; True is not a number.
        allowed: What it must be, in words.
        fits: Whether a value of that type is inside the range.

    Raises:
        ValueError: The value has another type, or is outside the range.
    """
    if isinstance(value, _KINDS[kind]) and isinstance(value, bool) == (kind is bool) and fits(value):
        return
    quoted = ", without quotes" if isinstance(value, str) else ""
    raise ValueError(f"{name}={value!r} must be {allowed}{quoted}")


def check_count(name: str, value: object) -> None:
    """Raise a ``ValueError`` unless ``value`` is a whole number, at least 1."""
    check_argument(name, value, int, "a whole number, at least 1", lambda n: n >= 1)

"""Checks of what a config says: one line names the argument, its value and what is allowed."""

from collections.abc import Callable
from numbers import Integral, Real

_KINDS: dict[type, type] = {bool: bool, int: Integral, float: Real}


def check_argument(
    name: str, value: object, kind: type, allowed: str, fits: Callable[[object], bool] = lambda _: True
) -> None:
    """Refuses an argument of another type or outside its range.

    Args:
        name: What the argument is called.
        value: What was given.
        kind: bool, int or float; a whole number is a float too, and True is not a number.
        allowed: What it must be, in words.
        fits: Whether a value of that type is inside the range.

    Raises:
        ValueError: It is not.
    """
    if isinstance(value, _KINDS[kind]) and isinstance(value, bool) == (kind is bool) and fits(value):
        return
    quoted = ", without quotes" if isinstance(value, str) else ""
    raise ValueError(f"{name}={value!r} must be {allowed}{quoted}")


def check_count(name: str, value: object) -> None:
    """Refuses anything but a whole number from 1 on."""
    check_argument(name, value, int, "a whole number, at least 1", lambda n: n >= 1)

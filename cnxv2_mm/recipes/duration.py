"""Durations as people write them: ``2h``, ``1h30m``, ``45s``."""

import re

_PATTERN = re.compile(r"(?:(?P<d>[\d.]+)d)?(?:(?P<h>[\d.]+)h)?(?:(?P<m>[\d.]+)m(?:in)?)?(?:(?P<s>[\d.]+)s)?")
_SECONDS = {"d": 86400, "h": 3600, "m": 60, "s": 1}


def parse_duration(text: str) -> float:
    """Return a duration in seconds.

    Args:
        text: Days, hours, minutes and seconds in this order, each with its letter; what is zero may be left out.

    Raises:
        ValueError: The text is something else, or no time at all.
    """
    match = _PATTERN.fullmatch(text.strip().lower().replace(" ", ""))
    try:
        parts = match.groupdict() if match else {}
        total = sum(float(number) * _SECONDS[letter] for letter, number in parts.items() if number)
    except ValueError:  # a number such as 1.2.3
        total = 0.0
    if total <= 0:
        raise ValueError(f"a time of {text!r} cannot be read: write it as 45s, 30m, 2h, 1h30m or 1d")
    return total


def format_duration(seconds: float) -> str:
    """Return a duration as people say it: the two largest units, '2 h 5 min', '40 s'.

    Args:
        seconds: The duration, 0 or more.
    """
    if seconds < 60:
        return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 24 * 60:
        hours, minutes = divmod(minutes, 60)
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(round(minutes / 60), 24)
    return f"{days} d {hours} h" if hours else f"{days} d"

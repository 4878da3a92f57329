"""Numbers, sizes and times as people read them."""

import math
import time


def number(value: float) -> str:
    """Return a number with four digits: 0.5716, 12.3, 1,234, 1.2e-05."""
    if not math.isfinite(value):
        return "not finite"
    if value == 0 or (value == int(value) and abs(value) < 1e7):
        return f"{int(value):,}"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) < 1e-3 else f"{value:.4g}"


def count(value: int) -> str:
    """Return a whole number with its thousands: 12,345."""
    return f"{value:,}"


def duration(seconds: float) -> str:
    """Return a time in its two largest units: 45 s, 12 min 30 s, 3 h 20 min, 2 d 4 h."""
    whole = max(0, round(seconds))
    for name, size, smaller, part in (("d", 86400, "h", 3600), ("h", 3600, "min", 60), ("min", 60, "s", 1)):
        if whole >= size:
            rest = whole % size // part
            return f"{whole // size} {name}" + (f" {rest} {smaller}" if rest else "")
    return f"{whole} s"


def size(num_bytes: int) -> str:
    """Return the size of a file: 512 B, 1.3 MB."""
    value = float(num_bytes)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            break
        value /= 1000
    return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"


def clock(seconds: float) -> str:
    """Return a time since the epoch as local date and time, with the zone."""
    return time.strftime("%Y-%m-%d %H:%M:%S %Z", time.localtime(seconds)).strip()

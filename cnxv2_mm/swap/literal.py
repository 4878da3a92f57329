"""Values as configs write them: ``dict(...)``, double quotes, lines that are not too long."""

import json
import keyword
import math
from collections.abc import Mapping
from typing import Any

LINE = 120


def literal(value: Any, indent: int = 0, used: int = 0) -> str:
    """Return a value as Python writes it, with ``dict(...)``; broken into lines where one is too long.

    Args:
        value: Plain data.
        indent: Blanks before a line that closes the value.
        used: Characters already in its first line.
    """
    line = _one_line(value)
    if used + indent + len(line) + 1 <= LINE or not isinstance(value, Mapping | list | tuple) or not value:
        return line
    inner = indent + 4
    if isinstance(value, Mapping):
        opening, closing = ("dict(", ")") if _is_call(value) else ("{", "}")
        labels = [f"{key}=" if _is_call(value) else f"{_one_line(key)}: " for key in value]
        items = list(value.values())
    else:
        opening, closing = ("[", "]") if isinstance(value, list) else ("(", ")")
        labels, items = [""] * len(value), list(value)
    lines = [f"{' ' * inner}{a}{literal(b, inner, len(a))}," for a, b in zip(labels, items, strict=True)]
    return "\n".join([opening, *lines, " " * indent + closing])


def _one_line(value: Any) -> str:
    if isinstance(value, Mapping):
        if _is_call(value):
            return f"dict({', '.join(f'{key}={_one_line(item)}' for key, item in value.items())})"
        return f"{{{', '.join(f'{_one_line(key)}: {_one_line(item)}' for key, item in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_one_line, value))}]"
    if isinstance(value, tuple):
        return f"({', '.join(map(_one_line, value))}{',' if len(value) == 1 else ''})"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    if value is None or isinstance(value, bool | int | float | bytes):
        return repr(value)
    raise ValueError(f"{value!r} of type {type(value).__name__} cannot be written in a config")


def _is_call(value: Mapping[Any, Any]) -> bool:
    """Whether ``dict(...)`` can write it: its keys are names."""
    return all(isinstance(key, str) and key.isidentifier() and not keyword.iskeyword(key) for key in value)

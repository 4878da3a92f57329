"""Writes values as Python code in the style of configs: ``dict(...)``, double quotes, lines of limited length."""

import json
import keyword
import math
from collections.abc import Mapping
from typing import Any

LINE = 120  # characters


def literal(value: Any, indent: int = 0, used: int = 0) -> str:
    """Return the Python code of a value; it takes several lines if one line would be too long.

    Args:
        value: Dictionaries, lists, tuples, strings, numbers, None.
        indent: Blanks in front of the line that closes the value.
        used: Characters in front of the value in its first line.

    Raises:
        ValueError: The value contains something else.
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
    """Whether ``dict(...)`` can write a dictionary, because its keys are Python names."""
    return all(isinstance(key, str) and key.isidentifier() and not keyword.iskeyword(key) for key in value)

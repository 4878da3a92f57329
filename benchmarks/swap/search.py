"""Values anywhere inside a config."""

from collections.abc import Iterator, Mapping
from typing import Any


def values_of(config: Any, key: str) -> Iterator[Any]:
    """Yield the values under ``key``, at any depth, outer ones first."""
    if isinstance(config, Mapping):
        if key in config:
            yield config[key]
        for value in config.values():
            yield from values_of(value, key)
    elif isinstance(config, list | tuple):
        for value in config:
            yield from values_of(value, key)


def smallest(config: Any, *keys: str, default: int) -> int:
    """Return the smallest positive whole number under any of the keys."""
    numbers = (value for key in keys for value in values_of(config, key))
    return min((n for n in numbers if isinstance(n, int) and n > 0), default=default)

"""The differences between two configs."""

from collections.abc import Iterator, Mapping
from typing import Any

_DELETE = "_delete_"


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Return what mmengine must merge into ``old`` to get ``new``.

    If ``old`` has a key that ``new`` has not, the dictionary that had it is given as a whole, with ``_delete_``.

    Args:
        old: The inherited config, or a part of it, as plain dictionaries.
        new: The wanted config.
    """
    if set(old) - set(new):
        return {_DELETE: True, **new}
    changed = {}
    for key, value in new.items():
        if key not in old:
            changed[key] = value
        elif isinstance(value, Mapping):
            before = old[key]
            part = differences(before, value) if isinstance(before, Mapping) else {_DELETE: True, **value}
            if part:
                changed[key] = part
        elif not _same(old[key], value):
            changed[key] = value
    return changed


def _same(a: Any, b: Any) -> bool:
    if type(a) is not type(b):
        return False
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(_same, a, b))
    if isinstance(a, Mapping):
        return a.keys() == b.keys() and all(_same(a[key], b[key]) for key in a)
    return bool(a == b)


def changes(old: Mapping[str, Any], new: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yield dotted key, old value and new value of each difference; None stands for no value.

    Args:
        old: A config, as plain dictionaries.
        new: Another config.
        prefix: Text in front of the keys.
    """
    for key, value in differences(old, new).items():
        if key == _DELETE:
            continue
        before = old.get(key)
        if isinstance(value, Mapping) and isinstance(before, Mapping) and _DELETE not in value:
            yield from changes(before, new[key], f"{prefix}{key}.")
        elif not _same(before, new[key]):
            yield f"{prefix}{key}", before, new[key]

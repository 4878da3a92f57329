"""The error that says why a config cannot be swapped, and what its user can do by hand."""

import re
import traceback

from mmengine import registry as root
from mmengine.registry import Registry

_NOT_REGISTERED = re.compile(r"(?P<name>[\w.]+) is not in the (?P<scope>\w+)::(?P<kind>[\w ]+) registry")
_NO_LIBRARY = "mmengine"  # the scope of a config without default_scope


class SwapRefused(ValueError):
    """ConvNeXt V2 cannot replace the backbone of this config; nothing was changed.

    Args:
        kind: A short key for the cause, the same for all configs with this cause.
        reason: A sentence that says what was found in the config.
        by_hand: What the user can do instead, or None if there is no way.

    Attributes:
        kind, reason, by_hand: As given.
    """

    def __init__(self, kind: str, reason: str, by_hand: str | None = None) -> None:
        super().__init__(reason if by_hand is None else f"{reason} By hand: {by_hand}")
        self.kind = kind
        self.reason = reason
        self.by_hand = by_hand


def tell(error: BaseException) -> str:
    """Return one line about an error: its class and its text, or if it has no text, the line of code that raised it.

    For a class that the config's library does not have, the line says what the config must say instead.
    """
    text = " ".join(str(error).split())
    frames = traceback.extract_tb(error.__traceback__)
    if not text and frames:
        text = f"{frames[-1].line} (line {frames[-1].lineno} of {frames[-1].filename})"
    found = _NOT_REGISTERED.search(text)
    if found:
        text = _not_registered(**found.groupdict())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _not_registered(name: str, scope: str, kind: str) -> str:
    """Return what is wrong with a type that mmengine does not find, which looks in one library and in mmengine.

    Args:
        name: The type, as the config states it.
        scope: The library where mmengine looked for it.
        kind: What is registered there: 'model', 'transform'.
    """
    where = sorted({child.scope for child in _children(kind) if name in child.module_dict})
    there = f", {' and '.join(where)} {'has' if len(where) == 1 else 'have'} one" if where else ""
    stated, _, bare = name.rpartition(".")
    if stated:
        hint = f"{stated} is not installed, or has no {bare}"
    elif scope == _NO_LIBRARY:
        library = where[0] if where else "mmdet"
        hint = (
            "the config has no default_scope, which names the library of its types: add default_scope="
            f"'{library}'{'' if where else ', or whichever it is'}, and custom_imports for types of your own"
        )
    elif where:
        hint = f"the detector would not find it either: write type='{where[0]}.{name}'"
    else:
        hint = "custom_imports must import the module that registers it"
    return f"{scope} has no {kind} {name}{there}; {hint}"


def _children(kind: str) -> list[Registry]:
    """Return the registries of all imported libraries for one kind of thing."""
    parents = (value for value in vars(root).values() if isinstance(value, Registry))
    return [child for parent in parents if parent.name == kind for child in parent.children.values()]

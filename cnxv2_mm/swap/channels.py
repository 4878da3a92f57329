"""Where a consumer's config states the channels of the maps it reads, and how it reads with others.

Nothing here knows a type of neck or head: a number counts if it stands where configs write input channels and equals
what the old maps have.
"""

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from itertools import combinations, islice
from typing import Any

Path = tuple[str | int, ...]

_INPUTS = ("in_channels", "feature_channels", "in_dims")
_FIRST_INPUT = "c1_in_channels"  # of mmseg's DeepLabV3+ heads: the map of the highest resolution
_MOST_CHOICES = 64


@dataclass(frozen=True)
class _Place:
    """A value to change.

    Attributes:
        path: Keys and indices that lead to it.
        value: The new one.
        certain: False if the same number may mean something else.
    """

    path: Path
    value: int | list[int] | tuple[int, ...]
    certain: bool


def rewritings(config: Any, old: Sequence[int], new: Sequence[int]) -> Iterator[Any]:
    """Yield a consumer's config for other channels: copies of it, the likeliest first, the extremes always among them.

    Args:
        config: A part of a model, or a list of them, with the channels of the old maps.
        old: Channels of the old maps.
        new: Channels of the new maps.
    """
    places = list(_find(config, (), tuple(old), tuple(new)))
    certain = [place for place in places if place.certain]
    guesses = [place for place in places if not place.certain]
    # One map: the number means its channels. Of several, a number deep inside may mean something else.
    counts = range(len(guesses) + 1)
    order = reversed(counts) if len(old) == 1 else counts
    choices = (chosen for count in order for chosen in combinations(guesses, count))
    for chosen in islice(choices, _MOST_CHOICES):
        yield _changed(config, [*certain, *chosen])
    if 2 ** len(guesses) > _MOST_CHOICES:  # the unlikeliest was not reached
        yield _changed(config, certain if len(old) == 1 else [*certain, *guesses])


def _changed(config: Any, places: Sequence[_Place]) -> Any:
    changed = deepcopy(config)
    for place in places:
        *parents, last = place.path
        target = changed
        for step in parents:
            target = target[step]
        target[last] = place.value
    return changed


def _find(config: Any, path: Path, old: tuple[int, ...], new: tuple[int, ...]) -> Iterator[_Place]:
    if isinstance(config, Mapping):
        for key, value in config.items():
            here = (*path, key)
            if isinstance(value, Mapping) or (isinstance(value, list | tuple) and _holds_parts(value)):
                yield from _find(value, here, old, new)
                continue
            found = _new_value(config, key, value, old, new, nested=any(isinstance(step, str) for step in path))
            if found is not None:
                yield _Place(here, *found)
    elif isinstance(config, list | tuple):
        for i, item in enumerate(config):
            yield from _find(item, (*path, i), old, new)


def _holds_parts(value: Sequence[Any]) -> bool:
    return any(isinstance(item, Mapping) for item in value)


def _new_value(
    part: Mapping[str, Any], key: str, value: Any, old: tuple[int, ...], new: tuple[int, ...], nested: bool
) -> tuple[Any, bool] | None:
    """Return the value for the new maps and whether that is certain; None if the value is about something else."""
    if isinstance(value, list | tuple):
        changed = _new_list(part, key, tuple(value), old, new)
        if changed is None:
            return None
        return type(value)(changed), key in _INPUTS
    if type(value) is not int:
        return None
    if key == _FIRST_INPUT and value == old[0]:
        return new[0], True
    if key in _INPUTS:
        index = part.get("in_index")
        if type(index) is int and -len(old) <= index < len(old):
            return (new[index], True) if old[index] == value else None
        if value in old:  # the deepest map with so many channels
            deepest = max(i for i, channels in enumerate(old) if channels == value)
            return new[deepest], not nested
    # What a region extractor gives out has the channels of the maps that it reads.
    if key == "out_channels" and "featmap_strides" in part and value == old[-1]:
        return new[-1], False
    return None


def _new_list(
    part: Mapping[str, Any], key: str, value: tuple[Any, ...], old: tuple[int, ...], new: tuple[int, ...]
) -> tuple[int, ...] | None:
    indices = part.get("in_index")
    if key in _INPUTS:
        if isinstance(indices, list | tuple) and all(-len(old) <= i < len(old) for i in indices):
            if value == tuple(old[i] for i in indices):
                return tuple(new[i] for i in indices)
        elif value == old[::-1]:
            return new[::-1]
        for start in range(len(old) - len(value) + 1):  # all maps, or some of them that are neighbours
            if value == old[start : start + len(value)]:
                return new[start : start + len(value)]
    # Maps that are passed on as they are, in front of others that are made (SSD's neck).
    if key in ("out_channels", *_INPUTS) and len(value) >= len(old) > 1 and value[: len(old)] == old:
        return (*new, *value[len(old) :])
    return None

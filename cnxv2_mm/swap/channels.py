"""The configs that a neck or head may have for maps of other channels.

Which numbers are channels of maps is said in ``config_keys.py``; where the same number may mean something else, both
are tried.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from itertools import combinations, islice
from typing import Any

from cnxv2_mm.swap.config_keys import new_channels

_MOST_CHOICES = 64


@dataclass(frozen=True)
class _Place:
    """A value that may change.

    Attributes:
        path: Keys and indices that lead to the value.
        value: The new value.
        certain: False if the number may mean something else.
    """

    path: tuple[str | int, ...]
    value: Any
    certain: bool


def rewritings(config: Any, old: Sequence[int], new: Sequence[int]) -> Iterator[Any]:
    """Yield copies of a part's config for other channels, the likeliest first.

    Those with all and with none of the uncertain values changed are always among them. If a part multiplies the
    channels that it states, a number that is not whole is rounded in both ways.

    Args:
        config: A part of a model, or a list of parts, with the channels of the old maps.
        old: Channels of the old maps.
        new: Channels of the new maps.
    """
    down, up = (list(_find(config, (), tuple(old), tuple(new), rounding)) for rounding in (math.floor, math.ceil))
    yield from _choices(config, down, len(old))
    if up != down:
        yield from _choices(config, up, len(old))


def _choices(config: Any, places: Sequence[_Place], num_maps: int) -> Iterator[Any]:
    certain = [place for place in places if place.certain]
    guesses = [place for place in places if not place.certain]
    # If there is one map, the number means its channels. Of several maps, a number deep inside may mean something else.
    counts = range(len(guesses) + 1)
    order = reversed(counts) if num_maps == 1 else counts
    choices = (chosen for count in order for chosen in combinations(guesses, count))
    for chosen in islice(choices, _MOST_CHOICES):
        yield _changed(config, [*certain, *chosen])
    if 2 ** len(guesses) > _MOST_CHOICES:  # the unlikeliest was not reached
        yield _changed(config, certain if num_maps == 1 else [*certain, *guesses])


def _changed(config: Any, places: Sequence[_Place]) -> Any:
    changed = deepcopy(config)
    for place in places:
        *parents, last = place.path
        target = changed
        for step in parents:
            target = target[step]
        target[last] = place.value
    return changed


def _find(
    config: Any,
    path: tuple[str | int, ...],
    old: tuple[int, ...],
    new: tuple[int, ...],
    rounding: Callable[[float], int],
) -> Iterator[_Place]:
    if isinstance(config, Mapping):
        nested = any(isinstance(step, str) for step in path)
        for key, value in config.items():
            here = (*path, key)
            if isinstance(value, Mapping) or (isinstance(value, list | tuple) and _holds_parts(value)):
                yield from _find(value, here, old, new, rounding)
                continue
            found = new_channels(config, key, old, new, nested, rounding)
            if found is not None:
                yield _Place(here, *found)
    elif isinstance(config, list | tuple):
        for i, item in enumerate(config):
            yield from _find(item, (*path, i), old, new, rounding)


def _holds_parts(value: Sequence[Any]) -> bool:
    return any(isinstance(item, Mapping) for item in value)

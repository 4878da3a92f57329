"""Maps of the old backbone that nothing reads: the new one does not return them.

A ResNet gives four maps to a neck that starts at its second, or to heads that take the last two, and no harm is done.
ConvNeXt V2 has a norm at each output: one that nothing reads would get no gradient, at which distributed training
stops.
"""

from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

from cnxv2_mm.swap import dry_run
from cnxv2_mm.swap.necks_and_heads import readers
from cnxv2_mm.swap.old_backbone import Maps


def drop_unread(model: MutableMapping[str, Any], maps: Maps, scope: str) -> tuple[Maps, bool]:
    """Change what reads the maps of a backbone so that it works without those that it does not use.

    Args:
        model: The part of the config that has the backbone.
        maps: What the backbone returns.
        scope: The library whose types have no prefix.

    Returns:
        The maps that are left, and whether one of them is unused still, because a part does not work with fewer.
    """
    places = readers(model)
    used = set().union(*(_used_by(owner[key], maps, scope) for owner, key in places))
    if not used or len(used) == len(maps.shapes):
        return maps, False
    kept = sorted(used)
    fewer = maps.only(kept)
    changed = [_narrow(owner[key], maps, kept) for owner, key in places]
    for (owner, key), part in zip(places, changed, strict=True):
        if not _compute_the_same(owner[key], maps, part, fewer, scope):
            return maps, True
    for (owner, key), part in zip(places, changed, strict=True):
        owner[key] = part
    return fewer, False


def _used_by(part: Any, maps: Maps, scope: str) -> set[int]:
    """Which maps the results of a neck or head in training depend on.

    If it cannot be run on shapes, because it needs more than maps or has an operator without shape function, its own
    words are believed: heads name maps as ``in_index``, necks the first one as ``start_level``.
    """
    inputs = tuple(x.requires_grad_() for x in maps.empty())
    try:
        with torch.device("meta"):
            results = dry_run.build(part, scope).train()(inputs)
            total = torch.stack([x.sum() for x in _tensors(results) if x.requires_grad]).sum()
        gradients = torch.autograd.grad(total, inputs, allow_unused=True)
    except Exception:
        return _named_by(part, len(inputs))
    return {i for i, gradient in enumerate(gradients) if gradient is not None}


def _named_by(part: Mapping[str, Any], number: int) -> set[int]:
    indices = [settings["in_index"] for settings in _settings(part) if "in_index" in settings]
    named = {i % number for index in indices for i in (index if isinstance(index, list | tuple) else [index])}
    return named or set(range(part.get("start_level", 0), number))


def _narrow(part: Any, maps: Maps, kept: list[int]) -> Any:
    """Return a copy of a neck or head whose settings count only the maps that are kept."""
    part = deepcopy(part)
    place = {index: place for place, index in enumerate(kept)}
    number = len(maps.shapes)
    for settings in _settings(part):
        indices, channels = settings.get("in_index"), settings.get("in_channels")
        if isinstance(indices, list | tuple):
            left = [i for i, index in enumerate(indices) if index % number in place]
            settings["in_index"] = type(indices)(place[indices[i] % number] for i in left)
            if isinstance(channels, list | tuple) and len(channels) == len(indices):
                settings["in_channels"] = type(channels)(channels[i] for i in left)
        elif type(indices) is int:
            settings["in_index"] = place.get(indices % number, indices)
        elif isinstance(channels, list | tuple) and tuple(channels) == maps.channels:
            settings["in_channels"] = type(channels)(channels[i] for i in kept)
        if type(settings.get("start_level")) is int:
            settings["start_level"] = sum(i < settings["start_level"] for i in kept)
        if type(settings.get("end_level")) is int and settings["end_level"] != -1:
            settings["end_level"] = place.get(settings["end_level"], -1)
    return part


def _settings(part: Any) -> Iterator[MutableMapping[str, Any]]:
    """Yield a part's config and those inside it."""
    if isinstance(part, MutableMapping):
        yield part
        for value in part.values():
            yield from _settings(value)
    elif isinstance(part, list | tuple):
        for item in part:
            yield from _settings(item)


def _compute_the_same(part: Any, maps: Maps, narrowed: Any, fewer: Maps, scope: str) -> bool:
    """Whether a part has the same parameters, and results of the same shapes, without the maps it does not use."""
    try:
        before, after = dry_run.build(part, scope).eval(), dry_run.build(narrowed, scope).eval()
    except Exception:
        return False
    return _parameter_shapes(before) == _parameter_shapes(after) and _results(before, maps) == _results(after, fewer)


def _results(module: nn.Module, maps: Maps) -> dry_run.Shapes:
    """Return the shapes of what a module computes, None if it cannot be run on shapes."""
    try:
        return dry_run.shapes_of(dry_run.run(module, maps.empty()))
    except Exception:
        return None


def _parameter_shapes(module: nn.Module) -> list[dry_run.Shape]:
    return [tuple(parameter.shape) for parameter in module.parameters()]


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _tensors(item)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for item in value:
            yield from _tensors(item)

"""Leaves out maps of the old backbone that no neck or head uses, so that the new backbone does not return them.

A ResNet may give four maps to a neck that starts at the second one, or to heads that take the last two; an unused map
does no harm there. ConvNeXt V2 has a norm at each output. The norm of an unused map would get no gradient, and
distributed training stops at a parameter without one.
"""

from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

from cnxv2_mm.swap import dry_run
from cnxv2_mm.swap.config_keys import keep_maps, maps_named, readers, settings_in
from cnxv2_mm.swap.dry_run import Failure, try_run
from cnxv2_mm.swap.old_backbone import Maps


def drop_unused_maps(model: MutableMapping[str, Any], maps: Maps, scope: str) -> tuple[Maps, bool]:
    """Change the parts that read the maps of a backbone so that they take only the maps that they use.

    Args:
        model: The part of the config that has the backbone.
        maps: What the backbone returns.
        scope: The library whose types need no prefix.

    Returns:
        The maps that are left, and whether one of them is unused still, because a part does not work with fewer.
    """
    parts = readers(model)
    built = [try_run(f"building {part.name}", dry_run.build, part.config, scope) for part in parts]
    used: set[int] = set()
    for part, module in zip(parts, built, strict=True):
        used |= _used_by(part.config, module, maps)
    if not used or len(used) == len(maps.shapes):
        return maps, False
    kept = sorted(used)
    fewer = maps.only(kept)
    changed = []
    for part, module in zip(parts, built, strict=True):
        config = deepcopy(part.config)
        for settings in settings_in(config):
            keep_maps(settings, kept, maps.channels)
        after = try_run(f"building {part.name} for fewer maps", dry_run.build, config, scope)
        if not _compute_the_same(module, maps, after, fewer):
            return maps, True
        changed.append(config)
    for part, config in zip(parts, changed, strict=True):
        part.replace(config)
    return fewer, False


def _used_by(config: Any, module: nn.Module | Failure, maps: Maps) -> set[int]:
    """Return the indices of the maps that the results of a part depend on in training.

    If the part does not build or run on the meta device, the maps that its config names are taken.
    """
    found = module if isinstance(module, Failure) else try_run("running it for gradients", _depends_on, module, maps)
    return maps_named(config, len(maps.shapes)) if found is None or isinstance(found, Failure) else found


def _depends_on(module: nn.Module, maps: Maps) -> set[int] | None:
    """Return the indices of the maps that the results have gradients of; None if no result has any."""
    inputs = tuple(x.requires_grad_() for x in maps.empty())
    module.train()
    with torch.device("meta"):
        results = [x for x in _tensors(module(inputs)) if x.requires_grad]
        if not results:
            return None
        ones = [torch.ones_like(x) for x in results]
        gradients = torch.autograd.grad(results, inputs, ones, allow_unused=True)
    return {i for i, gradient in enumerate(gradients) if gradient is not None}


def _compute_the_same(before: nn.Module | Failure, maps: Maps, after: nn.Module | Failure, fewer: Maps) -> bool:
    """Whether a part has the same parameters, and results of the same shapes, without the maps that it does not use."""
    if isinstance(before, Failure) or isinstance(after, Failure):
        return False
    same_parameters = _parameter_shapes(before) == _parameter_shapes(after)
    return same_parameters and _results(before, maps) == _results(after, fewer)


def _results(module: nn.Module, maps: Maps) -> dry_run.Shapes:
    """Return the shapes of what a module computes in evaluation, None if it does not run on the maps alone."""
    module.eval()
    results = try_run("running it on maps", dry_run.run, module, maps.empty())
    return None if isinstance(results, Failure) else dry_run.shapes_of(results)


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

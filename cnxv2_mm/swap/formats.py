"""Whether a model works with channels-last maps, as the new backbone returns them: its parts are run with numbers."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor

from cnxv2_mm.swap import dry_run
from cnxv2_mm.swap.config_keys import (
    HEAD_METHODS,
    Part,
    arguments_besides_maps,
    heads,
    may_be_run,
    necks,
    prediction_settings,
)
from cnxv2_mm.swap.dry_run import Failure, try_run
from cnxv2_mm.swap.old_backbone import NUM_IMAGES, Maps


def needs_contiguous(model: Mapping[str, Any], maps: Maps, scope: str) -> bool:
    """Whether a part works with maps in PyTorch's default memory format but not with channels-last ones.

    Every part is asked, not only the first: necks pass the format on, and a head that computes its maps from any format
    may still call ``view`` on them when it predicts. The parts are run with numbers, because convolutions without
    numbers do not tell in which format they return their results. A part that needs more than maps and descriptions of
    the images is not asked.

    Args:
        model: The part of the config that has the backbone.
        maps: What the backbone returns.
        scope: The library whose types need no prefix.
    """
    zeros = (torch.zeros(shape) for shape in maps.shapes)
    inputs: Any = tuple(x.contiguous(memory_format=torch.channels_last) if x.ndim == 4 else x for x in zeros)
    for neck in necks(model):
        tried = try_run("running a neck with numbers", _try_neck, neck, inputs, scope)
        if isinstance(tried, Failure):  # adapt() has noted that it does not run on maps alone
            return False
        refused, inputs = tried
        if refused:
            return True
    for part in heads(model):
        if not may_be_run(part.name):
            continue
        calls = try_run(f"building {part.name} with numbers", _calls, part, model, maps.image_size, scope)
        for call in [] if isinstance(calls, Failure) else calls:
            tried = try_run(f"running {part.name} with numbers", _try_both, call, inputs)
            if isinstance(tried, Failure):  # it needs more than maps; the next method may not
                continue
            refused, _ = tried
            if refused:
                return True
            break
    return False


def _try_neck(config: Any, inputs: Any, scope: str) -> tuple[bool, Any]:
    neck = dry_run.build_with_numbers(config, scope)
    neck.eval()
    return _try_both(neck, inputs)


def _try_both(call: Callable[[Any], Any], channels_last: Any) -> tuple[bool, Any]:
    """Return whether something works with contiguous tensors only, and its result.

    Raises:
        Exception: It works with neither.
    """
    with torch.no_grad():
        try:
            return False, call(channels_last)
        except RuntimeError:
            return True, call(_contiguous(channels_last))


def _contiguous(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.contiguous()
    if isinstance(value, list | tuple):
        kind = list if isinstance(value, list) else tuple
        return kind(map(_contiguous, value))
    return value


def _calls(part: Part, model: Mapping[str, Any], image_size: tuple[int, int], scope: str) -> list[Callable[[Any], Any]]:
    """Return what a head does with maps: it predicts, it runs; nothing if both want more than can be given."""
    kind = dry_run.find_type(part.config, scope)
    found = {
        name: arguments_besides_maps(getattr(kind, name, None), model, image_size, NUM_IMAGES) for name in HEAD_METHODS
    }
    arguments = {name: values for name, values in found.items() if values is not None}
    if not arguments:
        return []
    head = dry_run.build_with_numbers(part.config, scope)
    head.eval()
    _find_nothing(head)
    if getattr(head, "test_cfg", True) is None:  # the detector sets it
        head.test_cfg = prediction_settings(part.name, model)
    return [partial(getattr(head, name), **values) for name, values in arguments.items()]


def _find_nothing(head: torch.nn.Module) -> None:
    """Make all scores low. By chance a detector would find hundreds of thousands of objects, which takes minutes."""
    with torch.no_grad():
        for name, parameter in head.named_parameters():
            parameter.fill_(-10 if name.endswith("bias") else 0)

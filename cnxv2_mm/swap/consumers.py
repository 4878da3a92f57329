"""What reads the maps of a backbone: found by its place in the model, changed, and run on the old and the new maps."""

from collections.abc import Mapping, MutableMapping
from typing import Any

import torch
from torch import Tensor

from cnxv2_mm.swap import meta
from cnxv2_mm.swap.channels import rewritings
from cnxv2_mm.swap.measure import Maps
from cnxv2_mm.swap.refusal import SwapRefused

# Parts of a model that read no maps.
_NO_CONSUMERS = ("backbone", "neck", "data_preprocessor", "train_cfg", "test_cfg", "init_cfg")


def adapt(model: MutableMapping[str, Any], old: Maps, new: Maps, scope: str) -> list[str]:
    """Changes, in a model's config, whatever reads the maps of its backbone.

    A neck reads the maps. What it makes of them has the same shapes as before, or else the heads are changed too;
    without a neck the heads read the maps.

    Args:
        model: The part of the config that has the backbone.
        old: What the old backbone returned.
        new: What the new one returns.
        scope: The library whose types have no prefix.

    Returns:
        What could not be tried, in words.

    Raises:
        SwapRefused: A part does not work with the new maps.
    """
    notes = []
    if model.get("neck"):
        necks = model["neck"] if isinstance(model["neck"], list) else [model["neck"]]
        changed = []
        for neck in necks:
            adapted, after_old, after_new = _adapt_neck(neck, old, new, scope)
            changed.append(adapted)
            if after_old is None or after_new is None:
                notes.append(f"neck: {neck['type']} does not run here; it is taken to make the same maps as before")
                break
            old, new = after_old, after_new
        changed += necks[len(changed) :]
        model["neck"] = changed if isinstance(model["neck"], list) else changed[0]
    if old == new or notes:
        return notes
    for name, owner, key in _heads(model):
        head = owner[key]
        if isinstance(head, Mapping) and head.get("shared_head"):
            raise SwapRefused(
                "shared last stage",
                f"{name}.shared_head ({head['shared_head'].get('type')}) is the last stage of the old backbone, run on "
                "every region.",
                "start from the config of the same detector with a neck (FPN), which has no shared_head.",
            )
        owner[key] = _adapt_head(name, head, old, new, scope)
    return notes


def is_teacher(key: str) -> bool:
    """Whether a key of a model's config is about the teacher of a distillation, which is trained already and stays."""
    return key.startswith("teacher")


def readers(model: MutableMapping[str, Any]) -> list[tuple[MutableMapping[str, Any] | list, str | int]]:
    """The parts of a model that read the maps of its backbone: the first neck, or all heads if there is none.

    Returns:
        What holds each part, a mapping or a list, and its key or index there.
    """
    if model.get("neck"):
        return [(model["neck"], 0)] if isinstance(model["neck"], list) else [(model, "neck")]
    return [(owner, key) for _, owner, key in _heads(model)]


def _heads(model: MutableMapping[str, Any]) -> list[tuple[str, MutableMapping[str, Any] | list, str | int]]:
    """What each part behind backbone and neck is called, what holds it, and its key or index there."""
    heads: list[tuple[str, MutableMapping[str, Any] | list, str | int]] = []
    for key, part in model.items():
        if key in _NO_CONSUMERS or is_teacher(key) or not _is_part(part):
            continue
        if isinstance(part, list):
            heads += [(f"{key}[{i}]", part, i) for i in range(len(part))]
        else:
            heads.append((key, model, key))
    return heads


def needs_contiguous(model: MutableMapping[str, Any], maps: Maps, scope: str) -> bool:
    """Whether a part runs on maps in PyTorch's default memory format and not on channels-last ones, as ours are.

    Asked with numbers: without them, convolutions do not tell the format of what they return.
    """
    ordinary = tuple(torch.zeros(shape) for shape in maps.shapes)
    channels_last = tuple(x.contiguous(memory_format=torch.channels_last) if x.ndim == 4 else x for x in ordinary)
    for owner, key in readers(model):
        try:
            part = meta.build(owner[key], scope).to_empty(device="cpu").eval()
            with torch.no_grad():
                part(ordinary)
        except Exception:  # not made to be run on maps alone
            continue
        try:
            with torch.no_grad():
                part(channels_last)
        except RuntimeError:
            return True
    return False


def _is_part(value: Any) -> bool:
    if isinstance(value, list):
        return bool(value) and all(_is_part(item) for item in value)
    return isinstance(value, Mapping) and "type" in value


def _adapt_neck(config: Any, old: Maps, new: Maps, scope: str) -> tuple[Any, Maps | None, Maps | None]:
    """The neck for the new maps, what it made of the old ones, and what it makes of the new ones; None: unknown."""
    if old == new:
        return config, old, new
    try:
        before = _outputs(config, old, scope)
    except Exception:  # it needs more than maps, or an operator that is not installed
        return _adapt_head("neck", config, old, new, scope), None, None
    first: Exception | None = None
    for changed in rewritings(config, old.channels, new.channels):
        try:
            after = _outputs(changed, new, scope)
        except Exception as failure:
            first = first or failure
            continue
        if after.cells == before.cells:
            return changed, before, after
    raise SwapRefused(
        "neck", f"The neck does not work with {', '.join(map(str, new.channels))} channels: {first!r}."
    ) from first


def _outputs(config: Any, maps: Maps, scope: str) -> Maps:
    module = meta.build(config, scope)
    module.eval()
    results = meta.run(module, maps.empty())
    if isinstance(results, Tensor):
        results = (results,)
    return Maps(tuple(tuple(result.shape) for result in results), maps.image_size)


def _adapt_head(key: str, config: Any, old: Maps, new: Maps, scope: str) -> Any:
    """The head for the new maps; one that needs more than maps to run is only built."""
    before, _ = _try_head(config, old, scope)
    first: Any = None
    for changed in rewritings(config, old.channels, new.channels):
        after, failure = _try_head(changed, new, scope)
        if failure is None and (before is None or after == before):
            return changed
        first = first or failure
    raise SwapRefused("head", f"{key} cannot be made to read {new.channels} channels: {first!r}.")


def _try_head(config: Any, maps: Maps, scope: str) -> tuple[meta.Shapes | None, Exception | None]:
    """Shapes of what a head computes, None if it needs more than maps; and why it cannot be built."""
    try:
        head = meta.build(config, scope)
        head.eval()
    except Exception as error:
        return None, error
    try:
        return meta.shapes_of(meta.run(head, maps.empty())), None
    except Exception:
        return None, None

"""Whether a model can read channels-last maps, as the backbone's are: tried with numbers, predictions included."""

import inspect
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from functools import partial
from typing import Any

import torch
from mmengine.structures import BaseDataElement
from torch import Tensor, nn

from cnxv2_mm.swap import dry_run
from cnxv2_mm.swap.necks_and_heads import heads
from cnxv2_mm.swap.old_backbone import NUM_IMAGES, Maps

# What is tried of a head, the longer way first.
_WAYS = ("predict", "forward")


def needs_contiguous(model: MutableMapping[str, Any], maps: Maps, scope: str) -> bool:
    """Whether a part works on maps in PyTorch's default memory format and not on channels-last ones.

    Necks pass the format on, so that the part may stand behind one; and a head that computes its maps from any format
    may still ``view`` them when it predicts. Numbers are needed: without them, convolutions do not tell the format of
    what they return. Parts that need more than maps and descriptions of images are not asked.

    Args:
        model: The part of the config that has the backbone.
        maps: What the backbone returns.
        scope: The library whose types have no prefix.
    """
    inputs: Any = tuple(torch.zeros(shape) for shape in maps.shapes)
    inputs = tuple(x.contiguous(memory_format=torch.channels_last) if x.ndim == 4 else x for x in inputs)
    necks = model.get("neck") or []
    for neck in necks if isinstance(necks, list) else [necks]:
        try:
            call = dry_run.build_with_numbers(neck, scope)
            call.eval()
            refused, inputs = _try_both(call, inputs)
        except Exception:  # adapt() has told that it does not run on maps alone
            return False
        if refused:
            return True
    for name, owner, key in heads(model):
        if "head" not in name:  # a language model or an encoder, which may fetch weights while it is built
            continue
        for call in _calls(name, owner[key], model, maps.image_size, scope):
            try:
                refused, _ = _try_both(call, inputs)
            except Exception:  # not made to be run on maps alone
                continue
            if refused:
                return True
            break
    return False


def _try_both(call: Callable[[Any], Any], channels_last: Any) -> tuple[bool, Any]:
    """Whether something runs on contiguous tensors alone, and what it returns; if it runs on neither, it raises."""
    with torch.no_grad():
        try:
            return False, call(channels_last)
        except RuntimeError:
            return True, call(_contiguous(channels_last))


def _contiguous(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.contiguous()
    return type(value)(map(_contiguous, value)) if isinstance(value, list | tuple) else value


def _calls(
    name: str, config: Any, model: Mapping[str, Any], image_size: tuple[int, int], scope: str
) -> Iterator[Callable[[Any], Any]]:
    """Yield what a head does with maps: it predicts, or at least runs; nothing if it wants more than can be given."""
    try:
        kind = dry_run.find_type(config, scope)
        ways = {way: _arguments(getattr(kind, way, None), model, image_size) for way in _WAYS}
        if all(arguments is None for arguments in ways.values()):
            return
        head = dry_run.build_with_numbers(config, scope)
        head.eval()
        _find_nothing(head)
    except Exception:
        return
    settings = model.get("test_cfg") or {}
    if getattr(head, "test_cfg", True) is None:  # detectors hand it on, that of a proposal network under its name
        head.test_cfg = settings.get(name.removesuffix("_head"), settings)
    for way, arguments in ways.items():
        if arguments is not None:
            yield partial(getattr(head, way), **arguments)


def _find_nothing(head: nn.Module) -> None:
    """Make all scores low: by chance, a detector would find hundreds of thousands of objects, and take minutes."""
    with torch.no_grad():
        for name, parameter in head.named_parameters():
            parameter.fill_(-10 if name.endswith("bias") else 0)


def _arguments(
    function: Callable[..., Any] | None, model: Mapping[str, Any], image_size: tuple[int, int]
) -> dict[str, Any] | None:
    """Return what OpenMMLab's heads take besides maps, under the names that they use.

    None if it asks for something else.
    """
    if function is None:
        return None
    about = dict.fromkeys(("img_shape", "ori_shape", "pad_shape", "batch_input_shape"), image_size)
    about |= {"scale_factor": (1.0, 1.0), "flip": False, "img_id": 0, "border": (0, image_size[0], 0, image_size[1])}
    known = {
        "batch_data_samples": [BaseDataElement(metainfo=about) for _ in range(NUM_IMAGES)],
        "batch_img_metas": [dict(about) for _ in range(NUM_IMAGES)],
        "test_cfg": model.get("test_cfg"),
    }
    _, _, *others = inspect.signature(function).parameters.values()  # itself and the maps
    required = [p.name for p in others if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    return {key: known[key] for key in required} if set(required) <= set(known) else None

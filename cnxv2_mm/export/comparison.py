"""An exported model beside the model itself, on an image: within the tolerances, or as near as the model to itself.

Detectors choose: the best candidates, and one of boxes that overlap. Where two candidates have almost the same score,
the last bit of a sum decides which of them is taken, or comes first, and all that follows depends on it. No file can
agree better with such a model than the model with itself when its sums are rounded in another way.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from cnxv2_mm.export.differences import Difference, differences, score_threshold
from cnxv2_mm.export.whole_model import WholeModel

# The backbone's maps are changed by this share of their standard deviation. Those of PyTorch and onnxruntime differ by
# 0.9e-6 (atto) to 1.8e-6 (tiny) of it.
ROUNDING = 1e-6
_TIMES = 8
_FACTOR = 2.0  # of the largest change that was seen, since others could be larger


def compare(
    whole: WholeModel, image: Tensor, expected: Sequence[np.ndarray], found: Sequence[np.ndarray]
) -> list[Difference]:
    """Compare what an exported model and the model itself give for an image.

    Args:
        whole: The model.
        image: (N, height, width, C), bytes.
        expected: What :meth:`WholeModel.reference` gives.
        found: What the exported model gives, in the same order.

    Returns:
        The difference of each output. If one of a detector in float32 is beyond its tolerance, but no larger than twice
        what :func:`own_differences` finds, and for no more than twice as many detections, the tolerance is that, and
        ``reason`` says so.
    """
    compared = _compare(whole, expected, found)
    if whole.fp16 or whole.model.task != "detector" or all(one.is_within for one in compared):
        return compared
    own = own_differences(whole, image, expected)
    return [one if one.is_within else _widened(one, own[one.name]) for one in compared]


def _widened(one: Difference, own: Difference) -> Difference:
    explained = one.largest <= _FACTOR * own.largest < np.inf and one.beyond <= _FACTOR * own.beyond
    if not explained:
        return one
    moved = f"{own.largest:.2g} {own.unit}".rstrip()
    reason = f"the model's own change by {moved} if its features are changed by a millionth"
    return replace(one, tolerance=_FACTOR * own.largest, reason=reason)


@torch.no_grad()
def own_differences(whole: WholeModel, image: Tensor, expected: Sequence[np.ndarray]) -> dict[str, Difference]:
    """Return how far the model's own outputs move, by name, if the maps of its backbone are rounded in another way.

    Args:
        whole: A detector.
        image: See :func:`compare`.
        expected: What it gives as it is.
    """
    generator = torch.Generator().manual_seed(0)

    def rounded(module: nn.Module, args: Any, maps: Sequence[Tensor]) -> tuple[Tensor, ...]:
        noise = [torch.randn(each.shape, generator=generator) for each in maps]
        return tuple(each + ROUNDING * each.std() * one for each, one in zip(maps, noise, strict=True))

    handle = whole.model.model.backbone.register_forward_hook(rounded)
    try:
        moved = [[value.numpy() for value in whole.reference(image)] for _ in range(_TIMES)]
    finally:
        handle.remove()
    most: dict[str, Difference] = {}
    for one in (one for found in moved for one in _compare(whole, expected, found)):
        other = most.get(one.name, one)
        most[one.name] = replace(one, largest=max(one.largest, other.largest), beyond=max(one.beyond, other.beyond))
    return most


def _compare(whole: WholeModel, expected: Sequence[np.ndarray], found: Sequence[np.ndarray]) -> list[Difference]:
    model = whole.model
    threshold = score_threshold(model.model)
    return differences(model.task, model.outputs, expected, found, whole.fp16, threshold=threshold)

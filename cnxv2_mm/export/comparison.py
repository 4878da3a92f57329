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

from cnxv2_mm.export.differences import Difference, differences, largest, score_threshold, tolerance_of_detections
from cnxv2_mm.export.whole_model import WholeModel

# The backbone's maps are changed by this share of their standard deviation: as much as they differ between PyTorch and
# onnxruntime in float32.
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
        The difference of each output. If one of a detector in float32 is beyond its tolerance, the tolerance is twice
        the :func:`own_differences`, but that of float16 at most, and ``reason`` says so.
    """
    compared = _compare(whole, expected, found)
    if whole.fp16 or whole.model.task != "detector" or all(one.is_within for one in compared):
        return compared
    own = {one.name: one.largest for one in own_differences(whole, image, expected)}
    widened = []
    for one in compared:
        tolerance = min(_FACTOR * own.get(one.name, 0.0), tolerance_of_detections(one.name, fp16=True))
        if not one.is_within and tolerance > one.tolerance:
            moved = f"{own[one.name]:.2g} {one.unit}".rstrip()
            reason = f"the model's own change by {moved} if its features are changed by a millionth"
            one = replace(one, tolerance=tolerance, reason=reason)
        widened.append(one)
    return widened


@torch.no_grad()
def own_differences(whole: WholeModel, image: Tensor, expected: Sequence[np.ndarray]) -> list[Difference]:
    """Return how far the model's own outputs move if the maps of its backbone are rounded in another way.

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
    return largest(_compare(whole, expected, found) for found in moved)


def _compare(whole: WholeModel, expected: Sequence[np.ndarray], found: Sequence[np.ndarray]) -> list[Difference]:
    model = whole.model
    threshold = score_threshold(model.model)
    return differences(model.task, model.outputs, expected, found, whole.fp16, threshold=threshold)

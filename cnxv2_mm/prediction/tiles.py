"""Detection in large images, tile by tile, with sahi, which is installed on request.

Source: Akyon et al., Slicing Aided Hyper Inference (arXiv 2202.06934): overlapping tiles, the whole image besides for
what is larger than a tile, and what was found twice merged. The values are sahi's own.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.structures import InstanceData
from torch import Tensor

from cnxv2_mm.prediction.masks import coco_mask
from cnxv2_mm.prediction.model import TrainedModel

_OVERLAP = 0.2  # of a tile's side
# Two boxes of a class are the same thing if they share at least this much of the smaller one.
_METRIC, _THRESHOLD = "IOS", 0.5


def check_sahi() -> None:
    """Raise ModuleNotFoundError if sahi is not installed."""
    try:
        import sahi  # noqa: F401
    except ImportError as error:
        raise ModuleNotFoundError(f'--tiles needs the package sahi: pip install "cnxv2_mm[tiles]" ({error})') from error


def predict_tiles(model: TrainedModel, image: Any, file: Path, tile: int, min_score: float) -> Any:
    """Detect in the tiles of an image and in the whole of it.

    Args:
        model: A detector.
        image: What its ``pipeline.load`` returned.
        file: Where it comes from.
        tile: Side of a tile, in pixels of the image.
        min_score: What has a lower score is left out before merging.

    Returns:
        The data sample of the image. What was merged has the box and the mask around all its parts, and the highest
        score.

    Raises:
        ValueError: The model is no detector.
    """
    from sahi.slicing import get_slice_bboxes

    height, width = model.pipeline.size(image)
    whole = model.predict(image, file)
    if "pred_instances" not in whole:
        raise ValueError(
            "--tiles is for detectors; a segmenter slides over an image by itself with "
            "test_cfg=dict(mode='slide', crop_size=..., stride=...) in its config's model"
        )
    boxes = get_slice_bboxes(height, width, tile, tile, False, _OVERLAP, _OVERLAP) if max(height, width) > tile else []
    parts = [_place(whole.pred_instances, (0, 0), (height, width), min_score)]
    for left, top, right, bottom in boxes:
        found = model.predict(model.pipeline.crop(image, (left, top, right, bottom)), file).pred_instances
        parts.append(_place(found, (left, top), (height, width), min_score))
    whole.pred_instances = _merge(InstanceData.cat(parts)) if boxes else parts[0]
    return whole


def _place(found: Any, corner: tuple[int, int], size: tuple[int, int], min_score: float) -> InstanceData:
    """Move what was found in a tile to its place in the whole image.

    Args:
        found: Boxes, labels, scores and, of some models, masks, in pixels of the tile.
        corner: (left, top) of the tile.
        size: (height, width) of the image. Masks of many things in a large image would fill the memory: they become
            run-length codes of COCO.
        min_score: What has a lower score is left out.
    """
    found = found[found.scores >= min_score]
    left, top = corner
    boxes = getattr(found.bboxes, "tensor", found.bboxes)
    placed = InstanceData(bboxes=boxes + boxes.new_tensor([left, top, left, top]))
    placed.scores, placed.labels = found.scores, found.labels
    if "masks" in found:
        placed.masks = [_encode(mask, corner, size) for mask in found.masks.numpy()]
    return placed


def _encode(mask: np.ndarray, corner: tuple[int, int], size: tuple[int, int]) -> dict[str, Any]:
    whole = np.zeros(size, dtype=np.uint8, order="F")
    left, top = corner
    whole[top : top + mask.shape[0], left : left + mask.shape[1]] = mask
    return coco_mask().encode(whole)


def _merge(found: InstanceData) -> InstanceData:
    """Join what is the same thing by sahi's greedy non-maximum merging."""
    from sahi.postprocess.combine import batched_greedy_nmm

    table = torch.cat([found.bboxes, found.scores[:, None], found.labels[:, None]], dim=1).double().numpy()
    groups = batched_greedy_nmm(table, _METRIC, _THRESHOLD)
    order = sorted(groups, key=lambda kept: -table[kept, 4])
    if not order:
        return found
    joined = [_join(found.bboxes, kept, groups[kept]) for kept in order]
    merged = InstanceData(bboxes=torch.stack([box for box, _ in joined]))
    merged.scores, merged.labels = found.scores[order], found.labels[order]
    if "masks" in found:
        merged.masks = [coco_mask().merge([found.masks[i] for i in members]) for _, members in joined]
    return merged


def _join(boxes: Tensor, kept: int, others: list[int]) -> tuple[Tensor, list[int]]:
    """Grow a box around others that share enough with what it has become; return it, and which those are."""
    box, members = boxes[kept], [kept]
    for other in others:
        left_top, right_bottom = torch.maximum(box[:2], boxes[other, :2]), torch.minimum(box[2:], boxes[other, 2:])
        shared = (right_bottom - left_top).clamp(min=0).prod()
        smaller = min((b[2:] - b[:2]).prod() for b in (box, boxes[other]))
        if shared >= _THRESHOLD * smaller:
            box = torch.cat([torch.minimum(box[:2], boxes[other, :2]), torch.maximum(box[2:], boxes[other, 2:])])
            members.append(other)
    return box, members

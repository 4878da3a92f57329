"""Non-maximum suppression: hard, soft, and one that tells which boxes each kept box suppressed.

Boxes are ``x1, y1, x2, y2`` with sides ``x2 - x1 + offset``. The soft and grouping variants keep mmcv's order of
results, ties included; they run in NumPy on the CPU, where mmcv itself sends them, with one Python step per kept box.

Sources: Bodla et al., "Soft-NMS", https://arxiv.org/abs/1704.04503; behaviour at the edges after mmcv's
``ops/csrc/pytorch/cpu/nms.cpp``.
"""

import numpy as np
import torch
import torchvision
from numpy.typing import NDArray
from torch import Tensor

from cnxv2_mm.mmcv_ops.precision import compute_dtype

_NAIVE, _LINEAR, _GAUSSIAN = 0, 1, 2


def nms(boxes: Tensor, scores: Tensor, iou_threshold: float, offset: int) -> Tensor:
    """Drop every box whose IoU with a better kept box is above the threshold.

    Args:
        boxes: The boxes, (N, 4).
        scores: Their scores, (N,).
        iou_threshold: In [0, 1]; a box at exactly the threshold stays.
        offset: 0, or 1 for coordinates that name whole pixels.

    Returns:
        Indices into ``boxes``, (kept,), best score first.

    Raises:
        ValueError: ``offset`` is neither 0 nor 1.
    """
    _check_offset(offset)
    boxes = boxes.detach().to(compute_dtype(boxes))
    if offset:
        boxes = boxes + boxes.new_tensor([0, 0, offset, offset])
    # torchvision compares in double: 0.6 as a float32 IoU would exceed the double 0.6
    threshold = torch.tensor(iou_threshold, dtype=boxes.dtype).item()
    return torchvision.ops.nms(boxes, scores.detach().to(boxes.dtype), threshold)


def softnms(
    boxes: Tensor,
    scores: Tensor,
    dets: Tensor,
    iou_threshold: float,
    sigma: float,
    min_score: float,
    method: int,
    offset: int,
) -> Tensor:
    """Lower the scores of boxes that overlap a better one, instead of dropping them.

    Args:
        boxes: The boxes, (N, 4), on the CPU.
        scores: Their scores, (N,), on the CPU.
        dets: (N, 5), on the CPU; its first ``kept`` rows receive the boxes and their lowered scores.
        iou_threshold: From this IoU on a score is lowered (methods 0 and 1).
        sigma: The width of the Gaussian (method 2).
        min_score: Boxes whose lowered score is below it are dropped; the best box of all is always kept.
        method: 0 multiplies a score by zero, 1 by ``1 - IoU``, 2 by ``exp(-IoU^2 / sigma)``.
        offset: 0, or 1 for coordinates that name whole pixels.

    Returns:
        Indices into ``boxes``, (kept,), in the order of ``dets``.

    Raises:
        ValueError: ``offset`` or ``method`` is not one of these numbers.
    """
    _check_offset(offset)
    if method not in (_NAIVE, _LINEAR, _GAUSSIAN):
        raise ValueError(f"method={method!r} of softnms is unknown; allowed: 0 (naive), 1 (linear), 2 (gaussian)")
    remaining, score = _to_numpy(boxes), _to_numpy(scores)
    index: NDArray[np.intp] = np.arange(len(remaining))
    kept_index, kept_score = [], []
    while len(index):
        best = int(score.argmax())
        kept_index.append(index[best])
        kept_score.append(score[best])
        best_box = remaining[best].copy()
        # mmcv moves the first candidate into the place of the best one: this decides later ties
        for array in (remaining, score, index):
            array[best] = array[0]
        remaining, score, index = remaining[1:], score[1:], index[1:]
        overlap = _iou(best_box, remaining, offset)
        score *= _soft_weight(overlap, iou_threshold, sigma, method)
        order = _surviving_order(~(score < min_score))
        remaining, score, index = remaining[order], score[order], index[order]

    kept = torch.tensor(kept_index, dtype=torch.long)
    if len(kept):
        dets[: len(kept), :4] = boxes[kept].to(dets)
        dets[: len(kept), 4] = torch.from_numpy(np.array(kept_score)).to(dets)
    return kept


def nms_match(dets: Tensor, iou_threshold: float) -> list[list[int]]:
    """Suppress non-maxima, and tell which boxes each kept box suppressed.

    Args:
        dets: Boxes with scores, (N, 5), on the CPU.
        iou_threshold: In [0, 1]; a box at exactly the threshold is suppressed.

    Returns:
        A group of indices for each kept box, best first: the kept box, then those that it suppressed, by falling score.
    """
    array = _to_numpy(dets)
    order = np.argsort(-array[:, 4], kind="stable")
    groups = []
    while len(order):
        best, rest = order[0], order[1:]
        suppressed = _iou(array[best, :4], array[rest, :4], offset=0) >= iou_threshold
        groups.append([int(best), *rest[suppressed].tolist()])
        order = rest[~suppressed]
    return groups


def _check_offset(offset: int) -> None:
    if offset not in (0, 1):
        raise ValueError(f"offset={offset!r} of non-maximum suppression is unknown; allowed: 0, 1")


def _to_numpy(tensor: Tensor) -> NDArray[np.floating]:
    """Return a contiguous copy on the CPU, float32 or float64."""
    return tensor.detach().to(device="cpu", dtype=compute_dtype(tensor), copy=True).contiguous().numpy()


def _iou(box: NDArray[np.floating], boxes: NDArray[np.floating], offset: int) -> NDArray[np.floating]:
    """Return the IoU of one box (4,) with boxes (M, 4); 0 where neither has an area."""
    sides = np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2]) + offset
    intersection = sides.clip(min=0).prod(axis=1)
    area = (box[2:] - box[:2] + offset).prod()
    areas = (boxes[:, 2:] - boxes[:, :2] + offset).prod(axis=1)
    union = area + areas - intersection
    return np.divide(intersection, union, out=np.zeros_like(intersection), where=union != 0)


def _soft_weight(
    overlap: NDArray[np.floating], iou_threshold: float, sigma: float, method: int
) -> NDArray[np.floating]:
    """Return what the score of a box is multiplied by, given its IoU with the box just kept."""
    if method == _GAUSSIAN:
        return np.exp(-(overlap**2) / sigma)
    lowered = 1 - overlap if method == _LINEAR else np.zeros_like(overlap)
    return np.where(overlap >= iou_threshold, lowered, np.ones_like(overlap))


def _surviving_order(survives: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return the positions of the survivors in mmcv's order: each hole is filled by the last box still there."""
    count = int(survives.sum())
    order: NDArray[np.intp] = np.arange(count)
    order[~survives[:count]] = (np.flatnonzero(survives[count:]) + count)[::-1]
    return order

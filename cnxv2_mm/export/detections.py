"""The last steps of a detector, as operations that every target has: the best candidates, and suppression by class."""

from collections.abc import Mapping
from typing import Any

import torch
import torchvision
from torch import Tensor

_SPLIT = 10_000  # mmcv's default of split_thr


def best_candidates(scores: Tensor, most: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return the candidates with the best scores, the best first.

    With the threshold applied to them afterwards these are what ``mmdet.models.utils.filter_scores_and_topk`` returns,
    but for the order of equal scores. Here the number does not depend on the scores: many operations of the libraries
    cannot be recorded where it does.

    Args:
        scores: (boxes, classes).
        most: How many at the most; -1 for all.

    Returns:
        ``scores``, ``labels`` and ``boxes`` of the candidates, (K,) each: the class and the number of the box.
    """
    classes = scores.shape[1]
    flat = scores.reshape(-1)
    count = flat.shape[0]
    best, index = flat.topk(count if most < 0 else torch.sym_min(count, most))
    return best, index % classes, index // classes


def suppress(boxes: Tensor, scores: Tensor, labels: Tensor, iou_threshold: float, most: int) -> Tensor:
    """Suppress, class by class, boxes that overlap a better one: what ``mmcv.ops.batched_nms`` does.

    Boxes of a class are moved away from those of the others by the same numbers as there.

    Args:
        boxes: (K, 4): x1, y1, x2, y2.
        scores: (K,), 0 or more.
        labels: (K,).
        iou_threshold: Boxes that overlap more than this are suppressed, in [0, 1].
        most: How many boxes to keep at the most; -1 for all.

    Returns:
        Numbers of the kept boxes, (kept,), best first.
    """
    # Two boxes more, which are kept as the last ones: no other has a lower score, and none is near them. Without them a
    # recorded program would refuse an image with less than two boxes: torchvision tells torch.export that the number is
    # at least two.
    apart = boxes + labels.to(boxes.dtype)[:, None] * (_largest(boxes) + 1)
    far = torch.tensor([[0.0, 0.0, 1.0, 1.0], [2.0, 0.0, 3.0, 1.0]], dtype=boxes.dtype, device=boxes.device)
    scores = torch.cat([scores, scores.new_zeros(2)])
    # mmcv and ONNX compare float32 with float32, torchvision with a double: 0.6 as a float32 is above the double 0.6.
    iou_threshold = torch.tensor(iou_threshold, dtype=torch.float32).item()
    kept = torchvision.ops.nms(torch.cat([apart, far + _largest(apart) + 1]), scores, iou_threshold)[:-2]
    return kept if most < 0 else kept[:most]


def _largest(boxes: Tensor) -> Tensor:
    """Return the largest coordinate, 0 without boxes."""
    return torch.cat([boxes.reshape(-1), boxes.new_zeros(1)]).max()


class Suppression:
    """What a config says under ``nms``: ``mmcv.ops.batched_nms`` with those settings.

    Args:
        nms: The settings: ``type='nms'``, ``iou_threshold``, and whatever else ``batched_nms`` and ``nms`` of mmcv
            take. None: nothing is suppressed.
        owner: Of what the settings are, for messages.

    Raises:
        ValueError: A setting cannot be exported.
    """

    def __init__(self, nms: Mapping[str, Any] | None, owner: str) -> None:
        self._nothing = nms is None
        settings = dict({"iou_threshold": 1.0} if nms is None else nms)
        kind = settings.pop("type", "nms")
        if kind != "nms":
            raise ValueError(
                f"{owner}: nms of type={kind!r} cannot be exported, since ONNX has no operation for it; "
                "allowed: nms=dict(type='nms', iou_threshold=...) in test_cfg, or nms=None"
            )
        threshold = settings.pop("iou_thr", None)  # mmcv's older name
        threshold = settings.pop("iou_threshold", threshold)
        if threshold is None:
            raise ValueError(f"{owner}: nms has no iou_threshold; write nms=dict(type='nms', iou_threshold=0.5)")
        self._iou_threshold = float(threshold)
        self._class_agnostic = bool(settings.pop("class_agnostic", False))
        self._most = int(settings.pop("max_num", -1))
        self._score_threshold = float(settings.pop("score_threshold", 0.0))
        self._split = int(settings.pop("split_thr", _SPLIT))
        offset = settings.pop("offset", 0)
        if offset != 0:
            raise ValueError(
                f"{owner}: nms with offset={offset!r} cannot be exported, ONNX's boxes have none; allowed: 0"
            )
        if settings:
            raise ValueError(f"{owner}: mmcv's nms has no setting {min(settings)!r}; remove it from nms in test_cfg")

    def __call__(self, boxes: Tensor, scores: Tensor, labels: Tensor) -> Tensor:
        """Return the numbers of the kept boxes, best first; the arguments are those of :func:`suppress`."""
        if self._nothing:
            return scores.sort(descending=True).indices
        if self._class_agnostic:
            many = torch.ones_like(labels).sum() >= self._split  # so many mmcv goes through class by class all the same
            labels = labels * many
        if self._score_threshold > 0:
            above = (scores > self._score_threshold).nonzero().squeeze(1)
            return above[self._suppress(boxes[above], scores[above], labels[above])]
        return self._suppress(boxes, scores, labels)

    def _suppress(self, boxes: Tensor, scores: Tensor, labels: Tensor) -> Tensor:
        return suppress(boxes, scores, labels, self._iou_threshold, self._most if self._most > 0 else -1)

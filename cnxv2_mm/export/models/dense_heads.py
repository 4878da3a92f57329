"""What the heads of dense detectors predict at a cell: the scores of the classes, and a box.

Most heads leave that to ``BaseDenseHead._predict_by_feat_single``. Those with such a method of their own differ in how
they come to scores and boxes, and in nothing else. Source: mmdet 3.3.0, ``mmdet/models/dense_heads/``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mmdet.models.dense_heads import FoveaHead, GFLHead, RepPointsHead, TOODHead
from mmdet.models.dense_heads.base_dense_head import BaseDenseHead
from mmdet.structures.bbox import get_box_tensor
from torch import Tensor

from cnxv2_mm.export.models.overrides import method, refusal

Size = tuple[int, int]


@dataclass(frozen=True)
class Cells:
    """How a head comes from its maps to scores and boxes.

    Attributes:
        scores: Of the head and its classification map at each box, (boxes, cls_out_channels): the scores,
            (boxes, classes), 0 to 1.
        boxes: Of the head, the number of the level, priors (K, 2 or 4), the box map there, (K, channels), and height
            and width of the picture: the boxes (K, 4), in pixels.
    """

    scores: Callable[[Any, Tensor], Tensor]
    boxes: Callable[[Any, int, Tensor, Tensor, Size], Tensor]


def cells(head: Any) -> Cells:
    """Return how a head predicts.

    Raises:
        ValueError: It does so in a way that is not known here, or mmdet itself cannot predict with it.
    """
    own = method(head, "_predict_by_feat_single")
    if own not in _CELLS:
        raise ValueError(refusal(head, BaseDenseHead, "_predict_by_feat_single"))
    if own is BaseDenseHead._predict_by_feat_single and not hasattr(head, "loss_cls"):
        raise ValueError(
            f"{type(head).__name__} cannot be exported: mmdet itself cannot predict with it, since it asks heads for "
            "their loss_cls and this one has none"
        )
    return _CELLS[own]


def _activated(head: Any, logits: Tensor) -> Tensor:
    if getattr(head.loss_cls, "custom_cls_channels", False):
        scores: Tensor = head.loss_cls.get_activation(logits)
        return scores
    return probabilities(head, logits)


def probabilities(head: Any, logits: Tensor) -> Tensor:
    """Return the scores of logits (boxes, cls_out_channels)."""
    return logits.sigmoid() if head.use_sigmoid_cls else logits.softmax(-1)[:, :-1]  # the last one is the background


def _sigmoid(head: Any, logits: Tensor) -> Tensor:
    return logits.sigmoid()


def _as_they_are(head: Any, scores: Tensor) -> Tensor:
    return scores


def decoded(head: Any, level: int, priors: Tensor, predictions: Tensor, size: Size) -> Tensor:
    """Return the boxes that the head's coder makes of priors and predictions."""
    boxes: Tensor = get_box_tensor(head.bbox_coder.decode(priors, predictions, max_shape=size))
    return boxes


def _from_distributions(head: Any, level: int, priors: Tensor, predictions: Tensor, size: Size) -> Tensor:
    distances = head.integral(predictions) * head.prior_generator.strides[level][0]
    return decoded(head, level, head.anchor_center(priors), distances, size)


def _from_base_lengths(head: Any, level: int, priors: Tensor, predictions: Tensor, size: Size) -> Tensor:
    boxes: Tensor = head._bbox_decode(priors, predictions, head.base_edge_list[level], size)
    return boxes


def _around_points(head: Any, level: int, priors: Tensor, predictions: Tensor, size: Size) -> Tensor:
    boxes: Tensor = head._bbox_decode(priors, predictions, head.point_strides[level], size)
    return boxes


def _in_strides(head: Any, level: int, priors: Tensor, predictions: Tensor, size: Size) -> Tensor:
    return predictions * head.prior_generator.strides[level][0]


_CELLS: dict[Any, Cells] = {
    BaseDenseHead._predict_by_feat_single: Cells(_activated, decoded),
    FoveaHead._predict_by_feat_single: Cells(_sigmoid, _from_base_lengths),
    GFLHead._predict_by_feat_single: Cells(_sigmoid, _from_distributions),
    RepPointsHead._predict_by_feat_single: Cells(probabilities, _around_points),
    TOODHead._predict_by_feat_single: Cells(_as_they_are, _in_strides),
}

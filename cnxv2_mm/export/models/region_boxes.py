"""The second stage of a two-stage detector, and the stages after it: which thing is where."""

from collections.abc import Sequence
from typing import Any

import torch
from mmdet.models.roi_heads.bbox_heads import BBoxHead
from torch import Tensor

from cnxv2_mm.export.detections import Suppression
from cnxv2_mm.export.models.overrides import refuse_overrides
from cnxv2_mm.export.models.region_features import RegionFeatures

_METHODS = ("predict_by_feat", "_predict_by_feat_single", "regress_by_class")


class RegionBoxes:
    """The boxes of a RoI head of one stage or, in a cascade, of several.

    Source: mmdet 3.3.0, ``CascadeRoIHead._refine_roi``, ``BBoxHead._predict_by_feat_single`` and ``multiclass_nms``.

    Args:
        roi_head: The RoI head.
        extractors: The RoI extractor of each stage.
        heads: The box head of each stage.

    Raises:
        ValueError: The boxes are computed otherwise.
    """

    def __init__(self, roi_head: Any, extractors: Sequence[Any], heads: Sequence[Any]) -> None:
        for head in heads:
            refuse_overrides(head, BBoxHead, *_METHODS)
            if head.predict_box_type != "hbox":
                raise ValueError(
                    f"{type(head).__name__} with predict_box_type={head.predict_box_type!r} cannot be exported; "
                    "allowed: 'hbox'"
                )
            if not (head.with_cls and head.with_reg):
                raise ValueError(
                    f"{type(head).__name__} with with_cls={head.with_cls} and with_reg={head.with_reg} cannot be "
                    "exported; allowed: True for both"
                )
        config = roi_head.test_cfg
        self._threshold = float(config.score_thr)
        self._suppression = Suppression(config.nms, type(roi_head).__name__)
        self._most = int(config.max_per_img)
        self._roi_head = roi_head
        self._features = [RegionFeatures(extractor) for extractor in extractors]
        self._heads = heads

    def __call__(
        self, maps: Sequence[Tensor], proposals: Tensor, size: tuple[int, int]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return what is found, best first.

        Args:
            maps: The features of each level, (1, C, H, W) float32.
            proposals: (K, 4): x1, y1, x2, y2 in pixels.
            size: Height and width of the picture, in pixels.

        Returns:
            Boxes (found, 4), scores (found,), labels (found,).
        """
        boxes, scores = self._of_each_class(maps, with_spares(proposals), size)
        boxes, scores = without_spares(boxes), without_spares(scores)
        number, labels = (scores > self._threshold).nonzero().unbind(1)
        # (K, 1, 4) where the box is the same for all classes
        boxes, scores = boxes[number, labels if boxes.shape[1] > 1 else 0], scores[number, labels]
        kept = self._suppression(boxes, scores, labels)
        if self._most > 0:
            kept = kept[: self._most]
        return boxes[kept], scores[kept], labels[kept]

    def _of_each_class(self, maps: Sequence[Tensor], boxes: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """Return boxes (K, classes or 1, 4) and scores (K, classes) of the last stage."""
        logits = []
        for stage, head in enumerate(self._heads):
            cls_score, deltas = self._predictions(stage, maps, boxes)
            logits.append(cls_score)
            if stage < len(self._heads) - 1:
                if head.custom_activation:
                    cls_score = head.loss_cls.get_activation(cls_score)
                boxes = head.regress_by_class(boxes, cls_score[:, :-1].argmax(1), deltas, {"img_shape": size})
        mean = torch.stack(logits).mean(0)
        scores = head.loss_cls.get_activation(mean) if head.custom_cls_channels else mean.softmax(-1)
        classes = 1 if head.reg_class_agnostic else head.num_classes
        priors = boxes[:, None].expand(-1, classes, -1).reshape(-1, 4)
        boxes = head.bbox_coder.decode(priors, deltas.reshape(-1, head.bbox_coder.encode_size), max_shape=size)
        return boxes.reshape(-1, classes, 4), scores[:, :-1]

    def _predictions(self, stage: int, maps: Sequence[Tensor], boxes: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logits (K, classes + 1) and deltas (K, 4) or (K, classes * 4) of a stage."""
        features = [self._features[stage](maps, boxes)]
        longer = getattr(self._roi_head, "reg_roi_scale_factor", None)
        if longer is not None:  # Double-Head R-CNN
            features.append(self._features[stage](maps, boxes, longer))
        if self._roi_head.with_shared_head:
            features = [self._roi_head.shared_head(pooled) for pooled in features]
        cls_score, deltas = self._heads[stage](*features)
        return cls_score.float(), deltas.float()


def with_spares(boxes: Tensor) -> Tensor:
    """Return boxes (K, 4) and two more, so that there are some in a picture in which nothing is found.

    The libraries' functions ask whether there are any, which cannot be recorded where the number depends on the
    picture; and a target need not have convolutions of no boxes.
    """
    return torch.cat([boxes, boxes.new_tensor([[0.0, 0.0, 1.0, 1.0], [0.0, 0.0, 1.0, 1.0]])])


def without_spares(values: Tensor) -> Tensor:
    """Return what was computed of boxes, without that of the two more."""
    return values[:-2]

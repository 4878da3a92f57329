"""Detectors of two stages and more: Faster, Mask and Cascade R-CNN."""

from collections.abc import Sequence
from typing import Any

import torch
from mmdet.models import detectors
from mmdet.models.roi_heads import CascadeRoIHead, DoubleHeadRoIHead, StandardRoIHead
from torch import Tensor, nn

from cnxv2_mm.export.models.base import Output
from cnxv2_mm.export.models.detector import DETECTIONS, MASKS, Detector
from cnxv2_mm.export.models.overrides import refuse_overrides
from cnxv2_mm.export.models.region_boxes import RegionBoxes
from cnxv2_mm.export.models.region_masks import RegionMasks
from cnxv2_mm.export.models.region_proposals import RegionProposals

_METHODS = ("predict", "predict_bbox", "predict_mask", "_bbox_forward", "_mask_forward")


class TwoStageDetector(Detector):
    """A detector of mmdet with region proposals and a RoI head: of one stage, or a cascade; with masks or without.

    Args:
        model: The detector.

    Raises:
        ValueError: It computes its boxes or masks otherwise than Faster, Mask and Cascade R-CNN do.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__(model)
        refuse_overrides(model, detectors.TwoStageDetector, "predict")
        if not self.model.with_rpn:
            raise ValueError(f"{type(model).__name__} cannot be exported: it has no rpn_head, its proposals are given")
        roi_head = self.model.roi_head
        if isinstance(roi_head, CascadeRoIHead):
            refuse_overrides(roi_head, CascadeRoIHead, *_METHODS, "_refine_roi")
        else:
            known = DoubleHeadRoIHead if isinstance(roi_head, DoubleHeadRoIHead) else StandardRoIHead
            refuse_overrides(roi_head, known, *_METHODS)
        self._proposals = RegionProposals(self.model.rpn_head)
        self._boxes = RegionBoxes(roi_head, _stages(roi_head.bbox_roi_extractor), _stages(roi_head.bbox_head))
        self._masks = None
        if roi_head.with_mask:
            self._masks = RegionMasks(roi_head, _stages(roi_head.mask_roi_extractor), _stages(roi_head.mask_head))

    @property
    def outputs(self) -> tuple[Output, ...]:
        return DETECTIONS if self._masks is None else (*DETECTIONS, MASKS)

    def forward(self, images: Tensor, size: tuple[int, int]) -> tuple[Tensor, ...]:
        # RoI align in float32: half precision would round the boxes to whole pixels.
        maps = [features.float() for features in self.model.extract_feat(images)]
        with torch.autocast("cpu", enabled=False):  # half precision would rank proposals anew: many are almost as good
            proposals = self._proposals(maps, size)
        boxes, scores, labels = self._boxes(maps, proposals, size)
        if self._masks is None:
            return boxes, scores, labels
        return boxes, scores, labels, self._masks(maps, boxes, labels, size)


def _stages(modules: Any) -> Sequence[Any]:
    """Return what a cascade has for each stage, and other heads have once."""
    return list(modules) if isinstance(modules, nn.ModuleList) else [modules]

"""The mask branch of a two-stage detector: the shape of each thing that is found."""

from collections.abc import Sequence
from typing import Any

import torch
from mmdet.models.roi_heads.mask_heads import FCNMaskHead
from torch import Tensor
from torch.nn import functional as F

from cnxv2_mm.export.mask_pasting import paste
from cnxv2_mm.export.models.overrides import refuse_overrides
from cnxv2_mm.export.models.region_boxes import with_spares, without_spares
from cnxv2_mm.export.models.region_features import RegionFeatures


class RegionMasks:
    """The masks of a RoI head with a mask head or, in a cascade, with several, whose masks are averaged.

    Source: mmdet 3.3.0, ``CascadeRoIHead.predict_mask`` and ``FCNMaskHead._predict_by_feat_single``.

    Args:
        roi_head: The RoI head.
        extractors: The RoI extractor of each mask head.
        heads: The mask heads.

    Raises:
        ValueError: The masks are computed otherwise.
    """

    def __init__(self, roi_head: Any, extractors: Sequence[Any], heads: Sequence[Any]) -> None:
        for head in heads:
            refuse_overrides(head, FCNMaskHead, "predict_by_feat", "_predict_by_feat_single")
        threshold = roi_head.test_cfg.mask_thr_binary
        if not threshold > 0:
            raise ValueError(f"test_cfg.rcnn.mask_thr_binary={threshold!r} cannot be exported; allowed: above 0")
        self._roi_head = roi_head
        self._features = [RegionFeatures(extractor) for extractor in extractors]
        self._heads = heads

    def __call__(self, maps: Sequence[Tensor], boxes: Tensor, labels: Tensor, size: tuple[int, int]) -> Tensor:
        """Return which pixels belong to each thing.

        Args:
            maps: The features of each level, (1, C, H, W) float32.
            boxes: (K, 4): x1, y1, x2, y2 in pixels.
            labels: (K,): the class of each.
            size: Height and width of the picture, in pixels.

        Returns:
            (K, height, width) bool.
        """
        masks = []
        spared = with_spares(boxes)
        for extract, head in zip(self._features, self._heads, strict=True):
            features = extract(maps, spared)
            if self._roi_head.with_shared_head:
                features = self._roi_head.shared_head(features)
            logits = head(features)
            if head.class_agnostic:
                chosen = logits[:, 0]
            else:
                number = torch.arange(logits.shape[0], device=logits.device)
                chosen = logits[number, F.pad(labels, (0, 2))]
            masks.append(chosen.float().sigmoid())
        mean = without_spares(torch.stack(masks).mean(0))
        return paste(mean, boxes, size) >= self._roi_head.test_cfg.mask_thr_binary

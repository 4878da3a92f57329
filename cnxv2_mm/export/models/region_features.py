"""What the second stage of a detector sees: the features inside of boxes."""

from collections.abc import Sequence
from typing import Any

import torch
import torchvision
from mmcv.ops import RoIAlign
from mmdet.models.roi_heads.roi_extractors import SingleRoIExtractor
from torch import Tensor
from torch.nn import functional as F

from cnxv2_mm.export.models.overrides import refuse_overrides


class RegionFeatures:
    """The features of a ``SingleRoIExtractor``: RoI align on the level that fits a box's size.

    Source: mmdet 3.3.0, ``SingleRoIExtractor.forward``, which writes the features of each level into one tensor. Here
    they are put one behind the other, level by level, and then read in the order of the boxes: no target has to write
    into parts of a tensor.

    Args:
        extractor: The extractor.

    Raises:
        ValueError: The extractor takes its features otherwise.
    """

    def __init__(self, extractor: Any) -> None:
        refuse_overrides(extractor, SingleRoIExtractor, "forward", "map_roi_levels", "roi_rescale")
        for layer in extractor.roi_layers:
            refuse_overrides(layer, RoIAlign, "forward")
            if layer.pool_mode != "avg":
                raise ValueError(f"RoIAlign with pool_mode={layer.pool_mode!r} cannot be exported; allowed: 'avg'")
        self._extractor = extractor

    def __call__(self, maps: Sequence[Tensor], boxes: Tensor, scale: float | None = None) -> Tensor:
        """Pool the features of boxes.

        Args:
            maps: The features of each level, (1, C, H, W) float32.
            boxes: (K, 4): x1, y1, x2, y2 in pixels.
            scale: How much longer the sides of the boxes are taken.

        Returns:
            (K, C, rows, columns).
        """
        extractor, layers = self._extractor, self._extractor.roi_layers
        rois = F.pad(boxes, (1, 0))  # (K, 5): the image is number 0
        if len(layers) == 1:
            return _align(layers[0], maps[0], rois)
        levels = extractor.map_roi_levels(rois, len(layers))
        if scale is not None:
            rois = extractor.roi_rescale(rois, scale)
        pooled, place, before = [], torch.zeros_like(levels), levels.new_zeros(())
        for level, layer in enumerate(layers):
            here = levels == level
            pooled.append(_align(layer, maps[level], rois[here.nonzero().squeeze(1)]))
            count = here.long().cumsum(0)
            place = torch.where(here, before + count - 1, place)
            before = before + here.long().sum()
        return torch.cat(pooled)[place]


def _align(layer: RoIAlign, features: Tensor, rois: Tensor) -> Tensor:
    """Return what a layer does with boxes (K, 5)."""
    pooled = torchvision.ops.roi_align(
        features, rois, layer.output_size, layer.spatial_scale, layer.sampling_ratio, layer.aligned
    )
    # A box without an area has no samples: their average is 0 in mmcv, but 0 / 0 in OpenVINO.
    sides = rois[:, 3:] - rois[:, 1:3]
    return torch.where((sides > 0).all(dim=1)[:, None, None, None], pooled, 0) if _adaptive(layer) else pooled


def _adaptive(layer: RoIAlign) -> bool:
    return layer.sampling_ratio <= 0 and layer.aligned

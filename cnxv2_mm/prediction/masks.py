"""Masks of instances in any form: arrays, mmdet's classes, or the run-length codes of COCO, which are small."""

from collections.abc import Mapping
from types import ModuleType
from typing import Any

import numpy as np


def coco_mask() -> ModuleType:
    """Return pycocotools' module of masks, which mmdet brings."""
    from pycocotools import mask

    return mask


def each_mask(masks: Any) -> Any:
    """Return a sequence of masks, one for each instance, which :func:`as_array` and :func:`as_code` take.

    Args:
        masks: (N, H, W), mmdet's ``BitmapMasks`` or ``PolygonMasks``, or a list of run-length codes.
    """
    return masks.to_ndarray() if hasattr(masks, "to_ndarray") else masks


def as_array(mask: Any) -> np.ndarray:
    """Return one mask as an array, (H, W) of booleans."""
    if isinstance(mask, Mapping):
        return coco_mask().decode(mask).astype(bool)
    return np.asarray(mask.detach().cpu() if hasattr(mask, "detach") else mask).astype(bool)


def as_code(mask: Any) -> Mapping[str, Any]:
    """Return one mask as a run-length code: ``size`` (height, width) and ``counts``, in bytes."""
    return mask if isinstance(mask, Mapping) else coco_mask().encode(np.asfortranarray(as_array(mask), dtype=np.uint8))

"""Masks of a COCO file: which annotations have one, and which of those are masks at all.

mmdet ignores an object whose mask it cannot read, without a word; pycocotools stops at some.
"""

from collections.abc import Mapping
from math import isfinite
from typing import Any

# What is written for an object whose mask cannot be read: COCO's sign for a region that is neither object nor
# background, in training and in the metric.
IGNORED = {"iscrowd": 1}


def has_mask(annotation: Mapping[str, Any]) -> bool:
    """Whether an annotation has a mask, readable or not."""
    return bool(annotation.get("segmentation"))


def read_mask(annotation: Mapping[str, Any], width: int, height: int) -> Any | None:
    """Return a mask that mmdet and pycocotools can read: polygons of three points or more, or run lengths (RLE).

    Args:
        annotation: An annotation that has a mask.
        width: Of its image, in pixels.
        height: Of its image, in pixels.

    Returns:
        The mask, without those of its polygons that are none; None if nothing of it can be read.
    """
    mask = annotation["segmentation"]
    if isinstance(mask, Mapping):
        counts, size = mask.get("counts"), mask.get("size")
        if size != [height, width]:
            return None
        if isinstance(counts, list):
            whole = all(type(count) is int and count >= 0 for count in counts) and sum(counts) == width * height
            return mask if whole else None
        return mask if isinstance(counts, str) and counts else None
    if not isinstance(mask, list):
        return None
    return [polygon for polygon in mask if _is_polygon(polygon)] or None


def box_as_mask(box: list[float]) -> list[list[float]]:
    """Return the polygon of a box (x, y, width, height)."""
    x, y, w, h = box
    return [[x, y, x + w, y, x + w, y + h, x, y + h]]


def _is_polygon(polygon: Any) -> bool:
    if not isinstance(polygon, list) or len(polygon) < 6 or len(polygon) % 2:
        return False
    return all(isinstance(number, int | float) and isfinite(number) for number in polygon)

"""Overlaps and non-maximum suppression of rotated boxes and of quadrilaterals.

A rotated box is ``x, y, width, height, angle``: its centre, its sides, and the angle in radians that turns the x axis
towards the y axis (clockwise where y points down). A quadrilateral is ``x1, y1, ..., x4, y4``, in either direction.

All is computed in float64 and exact for every simple quadrilateral. Deliberate differences from mmcv: its kernels test
corners as if each shape were a rectangle, so that other quadrilaterals get other overlaps, some above 1; and its code
for CPUs suppresses a box at exactly the threshold, while that for GPUs, the documentation and this do not.

Source: the conventions of ``mmcv.ops.box_iou_rotated``.
"""

import numpy as np
import torch
from torch import Tensor

from cnxv2_mm.mmcv_ops.convex_polygons import rotated_corners, shared_area
from cnxv2_mm.mmcv_ops.polygon_overlaps import IOF, IOU, Shared, polygon_overlaps, shared_by_quads
from cnxv2_mm.mmcv_ops.precision import compute_dtype


def box_iou_rotated(bboxes1: Tensor, bboxes2: Tensor, ious: Tensor, mode_flag: int, aligned: bool) -> None:
    """Compute the overlaps of rotated boxes.

    Args:
        bboxes1: The boxes, (N, 5), or (N, 6) with their scores, as mmrotate's evaluation gives them.
        bboxes2: The others, (M, 5).
        ious: The result, (N * M,) row by row, or (N,) if aligned; overwritten.
        mode_flag: 0 divides the shared area by that of both together, 1 by that of the first box.
        aligned: Whether to pair boxes of equal index only; then N = M.

    Raises:
        ValueError: ``mode_flag`` is neither 0 nor 1.
    """
    _write_overlaps(_corners(bboxes1[:, :5]), _corners(bboxes2[:, :5]), shared_area, ious, mode_flag, aligned)


def box_iou_quadri(bboxes1: Tensor, bboxes2: Tensor, ious: Tensor, mode_flag: int, aligned: bool) -> None:
    """Compute the overlaps of quadrilaterals, (N, 8) and (M, 8); see :func:`box_iou_rotated`."""
    _write_overlaps(_quadrilaterals(bboxes1), _quadrilaterals(bboxes2), shared_by_quads, ious, mode_flag, aligned)


def nms_rotated(
    dets: Tensor,
    scores: Tensor,
    order: Tensor,
    dets_sorted: Tensor,
    labels: Tensor,
    iou_threshold: float,
    multi_label: bool,
) -> Tensor:
    """Drop every rotated box whose IoU with a better kept box is above the threshold.

    As in mmcv, labels keep no boxes apart: ``mmcv.ops.batched_nms`` does that, by moving the boxes.

    Args:
        dets: Unused.
        scores: Unused.
        order: Indices of the boxes, best score first, (N,).
        dets_sorted: The boxes in this order, (N, 5), or (N, 6) with their labels.
        labels: Unused.
        iou_threshold: In [0, 1]; a box at exactly the threshold stays.
        multi_label: Unused.

    Returns:
        Indices of the kept boxes, (kept,), best score first.
    """
    return order[_survivors(_corners(dets_sorted[:, :5]), shared_area, iou_threshold, compute_dtype(dets_sorted))]


def nms_quadri(
    dets: Tensor, scores: Tensor, order: Tensor, dets_sorted: Tensor, iou_threshold: float, multi_label: bool
) -> Tensor:
    """Drop every quadrilateral whose IoU with a better kept one is above the threshold.

    ``dets_sorted`` is (N, 8), or (N, 9) with labels; for the other arguments see :func:`nms_rotated`.
    """
    quads = _quadrilaterals(dets_sorted[:, :8])
    return order[_survivors(quads, shared_by_quads, iou_threshold, compute_dtype(dets_sorted))]


def _corners(boxes: Tensor) -> Tensor:
    return rotated_corners(boxes.detach().double())


def _quadrilaterals(boxes: Tensor) -> Tensor:
    return boxes.detach().double().unflatten(1, (4, 2))


def _write_overlaps(first: Tensor, second: Tensor, shared: Shared, ious: Tensor, mode_flag: int, aligned: bool) -> None:
    if mode_flag not in (IOU, IOF):
        raise ValueError(f"mode_flag={mode_flag!r} of the overlap is unknown; allowed: 0 (iou), 1 (iof)")
    ious.zero_()
    for rows, columns, overlap in polygon_overlaps(first, second, shared, mode_flag, aligned):
        ious[rows if aligned else rows * len(second) + columns] = overlap.to(ious.dtype)


def _survivors(polygons: Tensor, shared: Shared, iou_threshold: float, dtype: torch.dtype) -> Tensor:
    """Return which of the polygons, best first, no better survivor suppresses, (N,) truth values."""
    # compared in the type of the boxes: the float64 IoU of two boxes may lie beside the threshold that it equals
    threshold = torch.tensor(iou_threshold, dtype=dtype)
    better, worse = [], []
    for rows, columns, overlap in polygon_overlaps(polygons, polygons, shared):
        suppresses = (columns > rows) & (overlap.to(dtype) > threshold)
        better.append(rows[suppresses])
        worse.append(columns[suppresses])
    survives = np.ones(len(polygons), dtype=bool)
    if better:
        suppressors, suppressed = torch.cat(better).cpu().numpy(), torch.cat(worse).cpu().numpy()
        first, start = np.unique(suppressors, return_index=True)  # sorted already: each one's victims are neighbours
        for suppressor, victims in zip(first, np.split(suppressed, start[1:]), strict=False):
            if survives[suppressor]:
                survives[victims] = False
    return torch.from_numpy(survives).to(polygons.device)

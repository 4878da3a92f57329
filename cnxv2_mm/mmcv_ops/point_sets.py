"""Sets of points as outlines of objects: their hulls against polygons, the smallest rectangle around them, distances.

Sets of nine points are rows ``x1, y1, ..., x9, y9``, quadrilaterals ``x1, y1, ..., x4, y4`` in either direction. All is
computed in float64.

Sources: Guo et al., "Beyond Bounding-Box: Convex-hull Feature Adaptation for Oriented and Densely Packed Object
Detection", CVPR 2021, for overlaps of hulls; Li et al., "Oriented RepPoints", https://arxiv.org/abs/2105.11111, for
rectangles and the Chamfer distance; conventions of the functions of the same names in ``mmcv.ops``. Deliberate
difference from mmcv: a point on a polygon's outline is never inside; in mmcv it depends on the order of the corners.

Shape letters: N sets of points or pairs, K M polygons, B batches.
"""

import math

import torch
from torch import Tensor

from cnxv2_mm.mmcv_ops.convex_polygons import convex_hull, pick, signed_area
from cnxv2_mm.mmcv_ops.polygon_overlaps import polygon_overlaps, shared_with_quads

_DIFFERENTIATED_AT_ONCE = 2**11  # pairs: some 100 MB of intermediate results
_TESTED_AT_ONCE = 2**20  # pairs of a point and a polygon: some 100 MB
_TIE = 1e-9  # rectangles whose areas differ by less, as a part, are equally small: the first is taken


def convex_iou(pointsets: Tensor, polygons: Tensor, ious: Tensor) -> None:
    """Compute the IoU of the hulls of point sets with quadrilaterals.

    Args:
        pointsets: (N, 18).
        polygons: (K, 8).
        ious: The result, (N, K), overwritten.
    """
    points = _as_points(pointsets)
    hulls = pick(points, convex_hull(points))
    ious.zero_()
    for rows, columns, overlap in polygon_overlaps(hulls, _as_points(polygons), shared_with_quads):
        ious[rows, columns] = overlap.to(ious.dtype)


def convex_giou(pointsets: Tensor, polygons: Tensor, output: Tensor) -> None:
    """Compute the generalised IoU of the hulls of point sets with quadrilaterals, pair by pair, and its gradient.

    Args:
        pointsets: (N, 18).
        polygons: (N, 8).
        output: The result, (N, 19), overwritten: the gradient by the points, then the generalised IoU.
    """
    for points, quads, result in zip(
        *(tensor.split(_DIFFERENTIATED_AT_ONCE) for tensor in (_as_points(pointsets), _as_points(polygons), output)),
        strict=True,
    ):
        with torch.enable_grad():
            leaf = points.clone().requires_grad_()
            giou = _giou(leaf, quads)
            (gradient,) = torch.autograd.grad(giou.sum(), leaf)
        result[:, :-1] = gradient.flatten(1).to(result.dtype)
        result[:, -1] = giou.detach().to(result.dtype)


def points_in_polygons_forward(points: Tensor, polygons: Tensor, output: Tensor) -> None:
    """Tell which points lie inside which quadrilaterals.

    Args:
        points: (N, 2).
        polygons: (M, 8).
        output: The result, (N, M), overwritten with 1 inside, 0 outside and on the outline.
    """
    quads = _as_points(polygons)
    step = max(1, _TESTED_AT_ONCE // max(1, len(quads)))
    for some, result in zip(points.detach().double().split(step), output.split(step), strict=True):
        result.copy_(_inside(some, quads))


def min_area_polygons(pointsets: Tensor, polygons: Tensor) -> None:
    """Find the smallest rectangle, turned in any way, around each set of points.

    Args:
        pointsets: (N, 18).
        polygons: The rectangles, (N, 8), overwritten. In the frame whose x axis is along a side of the hull, at an
            angle in [0, pi / 2): largest x and smallest y, smallest both, smallest x and largest y, largest both.
    """
    points = _as_points(pointsets)
    hulls = pick(points, convex_hull(points))
    sides = hulls.roll(-1, dims=1) - hulls
    angles = torch.atan2(sides[..., 1], sides[..., 0]).remainder(math.pi / 2)
    angles = torch.where(sides.any(dim=-1), angles, angles[:, :1])  # repeated corners have no side
    x_axis = torch.stack((angles.cos(), angles.sin()), dim=-1)  # (N, 9, 2), one frame for each side
    y_axis = torch.stack((-angles.sin(), angles.cos()), dim=-1)
    x, y = x_axis @ hulls.mT, y_axis @ hulls.mT  # (N, frame, corner)
    bounds = torch.stack((x.amin(dim=2), x.amax(dim=2), y.amin(dim=2), y.amax(dim=2)), dim=2)
    areas = (bounds[..., 1] - bounds[..., 0]) * (bounds[..., 3] - bounds[..., 2])
    best = (areas <= areas.amin(dim=1, keepdim=True) * (1 + _TIE)).to(torch.int8).argmax(dim=1)
    row = torch.arange(len(points), device=points.device)
    x_axis, y_axis = x_axis[row, best, None], y_axis[row, best, None]
    low_x, high_x, low_y, high_y = bounds[row, best].unbind(dim=1)
    across, along = torch.stack((high_x, low_x, low_x, high_x), 1), torch.stack((low_y, low_y, high_y, high_y), 1)
    polygons.copy_((across[..., None] * x_axis + along[..., None] * y_axis).flatten(1))


def chamfer_distance_forward(
    xyz1: Tensor, xyz2: Tensor, dist1: Tensor, dist2: Tensor, idx1: Tensor, idx2: Tensor
) -> None:
    """Find the nearest point of the other set for each point of two sets.

    Args:
        xyz1: The first sets, (B, N, 2).
        xyz2: The second sets, (B, M, 2).
        dist1: The squared distances of the first sets' points, (B, N), overwritten.
        dist2: Those of the second sets' points, (B, M), overwritten.
        idx1: Indices of the nearest points in the second sets, (B, N), overwritten; of several the first.
        idx2: Indices in the first sets, (B, M), overwritten.
    """
    offset = xyz1.double()[:, :, None] - xyz2.double()[:, None]  # (B, N, M, 2)
    distance = offset.square().sum(dim=-1)
    for dim, dist, idx in ((2, dist1, idx1), (1, dist2, idx2)):
        nearest = distance.min(dim=dim)
        dist.copy_(nearest.values)
        idx.copy_(nearest.indices)


def chamfer_distance_backward(
    xyz1: Tensor,
    xyz2: Tensor,
    idx1: Tensor,
    idx2: Tensor,
    grad_dist1: Tensor,
    grad_dist2: Tensor,
    grad_xyz1: Tensor,
    grad_xyz2: Tensor,
) -> None:
    """Add the gradients of the points to ``grad_xyz1``, (B, N, 2), and ``grad_xyz2``, (B, M, 2).

    ``grad_dist1`` is (B, N) and ``grad_dist2`` (B, M); for the other arguments see :func:`chamfer_distance_forward`.
    """
    for here, there, nearest, gradient, grad_here, grad_there in (
        (xyz1, xyz2, idx1, grad_dist1, grad_xyz1, grad_xyz2),
        (xyz2, xyz1, idx2, grad_dist2, grad_xyz2, grad_xyz1),
    ):
        index = nearest.long()[..., None].expand(-1, -1, 2)
        pull = 2 * gradient.double()[..., None] * (here.double() - there.double().gather(1, index))
        grad_here.add_(pull)
        grad_there.add_(torch.zeros_like(there, dtype=pull.dtype).scatter_add_(1, index, -pull))


def _as_points(rows: Tensor) -> Tensor:
    return rows.detach().double().unflatten(1, (-1, 2))


def _giou(points: Tensor, quads: Tensor) -> Tensor:
    hulls = pick(points, convex_hull(points))
    shared = shared_with_quads(hulls, quads).abs()
    union = signed_area(hulls) + signed_area(quads).abs() - shared
    both = torch.cat((points, quads), dim=1)
    around = signed_area(pick(both, convex_hull(both)))
    return shared / union - (around - union) / around


def _inside(points: Tensor, quads: Tensor) -> Tensor:
    """Return whether a ray from each point towards larger x crosses an odd number of sides, (N, M)."""
    px, py = points[:, :1], points[:, 1:]
    odd = torch.zeros(len(points), len(quads), dtype=torch.bool, device=points.device)
    outline = odd.clone()
    for start, end in zip(quads.unbind(dim=1), quads.roll(-1, dims=1).unbind(dim=1), strict=True):
        (sx, sy), (ex, ey) = start.unbind(dim=1), end.unbind(dim=1)
        turn = (ex - sx) * (py - sy) - (ey - sy) * (px - sx)  # positive left of the side, with x right and y up
        up, down = (sy <= py) & (ey > py), (ey <= py) & (sy > py)
        odd ^= (up & (turn > 0)) | (down & (turn < 0))
        on_line = (torch.minimum(sx, ex) <= px) & (px <= torch.maximum(sx, ex))
        outline |= (turn == 0) & on_line & (torch.minimum(sy, ey) <= py) & (py <= torch.maximum(sy, ey))
    return odd & ~outline

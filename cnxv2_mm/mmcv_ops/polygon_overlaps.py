"""Overlaps of polygons, for the pairs that can meet at all: their bounding circles do. The others cost no memory."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from cnxv2_mm.mmcv_ops.convex_polygons import shared_area, signed_area

IOU, IOF = 0, 1  # mmcv's numbers: a shared area is divided by that of both together, or by that of the first
# The area that two batches of polygons share, pair by pair: (P, n, 2), (P, m, 2) -> (P,), of either sign.
Shared = Callable[[Tensor, Tensor], Tensor]

_NO_AREA = 1e-14  # as in mmcv: a polygon with less overlaps nothing
_TESTED_AT_ONCE = 2**20  # pairs of circles: some 50 MB of numbers
_CLIPPED_AT_ONCE = 2**14  # pairs of polygons: some 100 MB


def polygon_overlaps(
    first: Tensor, second: Tensor, shared: Shared, mode: int = IOU, aligned: bool = False
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Yield indices into both sets and the overlap, for the pairs that can meet, by rising index into the first.

    Args:
        first: Polygons, (N, n, 2).
        second: Polygons, (M, m, 2).
        shared: Function that computes what two polygons share.
        mode: :data:`IOU` or :data:`IOF`.
        aligned: Whether to pair polygons of equal index only, all of them.
    """
    areas, other_areas = signed_area(first).abs(), signed_area(second).abs()
    for rows, columns in _equal_indices(first) if aligned else _near_pairs(first, second):
        area, other = areas[rows], other_areas[columns]
        common = shared(first[rows], second[columns]).abs()
        base = area + other - common if mode == IOU else area
        exists = (area >= _NO_AREA) & (other >= _NO_AREA)
        yield rows, columns, torch.where(exists, common / base, 0)


def shared_with_quads(polygons: Tensor, quads: Tensor) -> Tensor:
    """Return what convex polygons share with simple quadrilaterals, convex or not, pair by pair, (P,)."""
    return torch.stack([shared_area(polygons, triangle) for triangle in _triangles(quads)]).sum(dim=0)


def shared_by_quads(first: Tensor, second: Tensor) -> Tensor:
    """Return what simple quadrilaterals share, convex or not, pair by pair, (P,)."""
    return torch.stack([shared_with_quads(triangle, second) for triangle in _triangles(first)]).sum(dim=0)


def _triangles(quads: Tensor) -> list[Tensor]:
    """Return the two triangles whose signed areas make up those of quadrilaterals."""
    return [quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]


def _near_pairs(first: Tensor, second: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    (centres, radii), (other_centres, other_radii) = _bounding_circles(first), _bounding_circles(second)
    step = max(1, _TESTED_AT_ONCE // max(1, len(second)))
    for begin in range(0, len(first), step):
        offset = centres[begin : begin + step, None] - other_centres
        reach = radii[begin : begin + step, None] + other_radii
        rows, columns = (offset.square().sum(dim=-1) <= reach.square()).nonzero(as_tuple=True)
        yield from zip((rows + begin).split(_CLIPPED_AT_ONCE), columns.split(_CLIPPED_AT_ONCE), strict=True)


def _equal_indices(polygons: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    for index in torch.arange(len(polygons), device=polygons.device).split(_CLIPPED_AT_ONCE):
        yield index, index


def _bounding_circles(polygons: Tensor) -> tuple[Tensor, Tensor]:
    """Return centres, (N, 2), and radii, (N,), a little too large, so that rounding leaves no pair out."""
    centres = (polygons.amin(dim=1) + polygons.amax(dim=1)) / 2
    return centres, (polygons - centres[:, None]).square().sum(dim=-1).amax(dim=1).sqrt() * (1 + 1e-6)

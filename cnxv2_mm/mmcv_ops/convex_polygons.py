"""Convex polygons, many at a time: their corners, areas and hulls, and what two of them share.

A batch of polygons is (P, corners, 2), x before y. A corner may be named several times: an edge without length changes
nothing. All is differentiable by the corners. Callers give float64, which costs little beside what it makes exact.

Sources: Sutherland and Hodgman, "Reentrant polygon clipping", Communications of the ACM 17(1), 1974, for clipping;
Jarvis, "On the identification of the convex hull of a finite set of points in the plane", Information Processing
Letters 2(1), 1973, for hulls.

Shape letters: P polygons, or pairs of them, n corners or points, m corners of the windows.
"""

import torch
from torch import Tensor


def rotated_corners(boxes: Tensor) -> Tensor:
    """Return the corners of rotated boxes, (P, 4, 2).

    Args:
        boxes: (P, 5): x and y of the centre, width, height, and the angle in radians that turns the x axis towards
            the y axis, which is clockwise where y points down.
    """
    centre, width, height, angle = boxes[:, :2], boxes[:, 2:3], boxes[:, 3:4], boxes[:, 4:]
    cos, sin = angle.cos(), angle.sin()
    across = torch.cat((cos, sin), dim=1) * width / 2
    along = torch.cat((-sin, cos), dim=1) * height / 2
    return centre[:, None] + torch.stack((-across - along, across - along, across + along, along - across), dim=1)


def signed_area(polygons: Tensor) -> Tensor:
    """Return the areas of simple polygons, (P,): positive where the corners turn from the x axis to the y axis."""
    polygons = polygons - polygons[:, :1]  # near the origin little is lost to rounding
    return _cross(polygons, polygons.roll(-1, dims=1)).sum(dim=1) / 2


def shared_area(polygons: Tensor, windows: Tensor) -> Tensor:
    """Return the area that a polygon shares with a window, pair by pair, (P,).

    It has the sign of both areas' product. A window without area shares nothing.

    Args:
        polygons: Convex, (P, n, 2).
        windows: Convex, (P, m, 2).
    """
    orientation = signed_area(windows).sign()
    for start, end in zip(windows.unbind(dim=1), windows.roll(-1, dims=1).unbind(dim=1), strict=True):
        edge = end - start
        side = _cross(edge[:, None], polygons - start[:, None]) * orientation[:, None]  # (P, n), positive inside
        polygons = _cut(polygons, side)
    return signed_area(polygons) * orientation


def convex_hull(points: Tensor) -> Tensor:
    """Return which points are the corners of their convex hull, (P, n) indices.

    They turn from the x axis to the y axis, from the lowest y on (of several the one with the lowest x). Points within
    an edge are left out. The first index fills the rest of the row.

    Args:
        points: (P, n, 2).
    """
    points = points.detach()
    lowest = points[..., 1] == points[..., 1].amin(dim=1, keepdim=True)
    first = points[..., 0].masked_fill(~lowest, torch.inf).argmin(dim=1)
    start = points[torch.arange(len(points), device=points.device), first]
    corner, index = start, first
    corners, closed = [first], torch.zeros_like(first, dtype=torch.bool)
    for _ in range(points.size(1) - 1):
        following, following_index = corner, index
        for number, candidate in enumerate(points.unbind(dim=1)):
            turn = _cross(following - corner, candidate - corner)
            further = (candidate - corner).square().sum(dim=1) > (following - corner).square().sum(dim=1)
            outer = (turn < 0) | ((turn == 0) & further)
            following = torch.where(outer[:, None], candidate, following)
            following_index = following_index.masked_fill(outer, number)
        closed |= (following == start).all(dim=1)
        corner = torch.where(closed[:, None], start, following)
        index = torch.where(closed, first, following_index)
        corners.append(index)
    return torch.stack(corners, dim=1)


def pick(points: Tensor, indices: Tensor) -> Tensor:
    """Return the points at the indices of each row: (P, n, 2) and (P, m) give (P, m, 2)."""
    return points.gather(1, indices[..., None].expand(-1, -1, 2))


def _cross(a: Tensor, b: Tensor) -> Tensor:
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


def _cut(polygons: Tensor, side: Tensor) -> Tensor:
    """Cut off what lies outside of one line: ``side``, (P, n), is negative for corners outside.

    Each edge is judged by the signs at its own ends alone. So rounding, where a corner is on the line, moves the result
    by as much as it moved the corner.
    """
    inside = side >= 0
    following, inside_next = polygons.roll(-1, dims=1), inside.roll(-1, dims=1)
    crosses = inside != inside_next
    part = side / (side - side.roll(-1, dims=1)).masked_fill(~crosses, 1)
    crossing = polygons + (part * crosses)[..., None] * (following - polygons)
    # each edge leaves behind where it crosses the line, and its end
    points = torch.stack((crossing, following), dim=2).flatten(1, 2)  # (P, 2n, 2)
    stays = torch.stack((crosses, inside_next), dim=2).flatten(1, 2)
    number = stays.sum(dim=1, keepdim=True)
    most = max(1, int(number.max())) if len(number) else 1
    place = (stays.cumsum(dim=1) - 1).masked_fill(~stays, most)  # the last place is for the rest
    ring = points.new_zeros(len(points), most + 1, 2)
    ring = ring.scatter(1, place[..., None].expand(-1, -1, 2), points)[:, :most]
    empty = torch.arange(most, device=ring.device) >= number
    return torch.where(empty[..., None], ring[:, :1], ring)

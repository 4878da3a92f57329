"""The order of the corners of what two rotated boxes share, which ``mmcv.ops.diff_iou_rotated_2d`` and ``_3d`` ask for.

All else of these functions is mmcv's own PyTorch code, whose gradients need no operator.

Source: Zhou et al., "IoU Loss for 2D/3D Object Detection", https://arxiv.org/abs/1908.03851. Deliberate difference from
mmcv: where more than eight corners are found, as for boxes that almost coincide, those that matter least are left out;
mmcv's kernel then writes beyond its result.

Shape letters: B batches, N pairs of boxes, V = 24 candidates: eight corners of boxes, 16 crossings of their sides.
"""

import math

import torch
from torch import Tensor

_CORNERS_OF_BOXES = 8  # the first of the candidates; no more make up the shared polygon either
_PLACES = _CORNERS_OF_BOXES + 1
_SAME = 1e-8  # as in mmcv: two corners so near to each other are one


def diff_iou_rotated_sort_vertices_forward(vertices: Tensor, mask: Tensor, num_valid: Tensor) -> Tensor:
    """Sort the corners of each shared polygon by their angle around its middle, from the x axis to the y axis.

    Args:
        vertices: The candidates relative to the middle of the valid ones, (B, N, 24, 2).
        mask: Which are corners of the polygon, (B, N, 24).
        num_valid: Unused: their number, (B, N).

    Returns:
        Indices of the candidates, (B, N, 9), int32: the corners, each once, the first one again, then crossings that
        are not corners (of which mmcv's code has zeros). Polygons of fewer than three corners have these alone.
    """
    x, y = vertices.detach().double().unbind(dim=-1)  # (B, N, V)
    # among the 16 crossings there is always one that is no corner
    padding = _CORNERS_OF_BOXES + (~mask[..., _CORNERS_OF_BOXES:]).to(torch.int8).argmax(dim=-1, keepdim=True)
    mask = mask & ~_repeated(x, y, mask)
    angle = torch.atan2(y, x).remainder(2 * math.pi).masked_fill(~mask, torch.inf)
    order = angle.argsort(dim=-1, stable=True)
    x, y = x.gather(-1, order), y.gather(-1, order)
    count = mask.sum(dim=-1, keepdim=True)
    while bool((count > _CORNERS_OF_BOXES).any()):
        order, x, y, count = _leave_one_out(order, x, y, count)

    place = torch.arange(_PLACES, device=order.device)
    indices = torch.where(place < count, order[..., :_PLACES], padding)
    indices = torch.where(place == count, order[..., :1], indices)
    return torch.where(count < 3, padding, indices).int()


def _repeated(x: Tensor, y: Tensor, mask: Tensor) -> Tensor:
    """Return which corners lie where an earlier one does, (B, N, V)."""
    same = ((x[..., None] - x[..., None, :]).abs() < _SAME) & ((y[..., None] - y[..., None, :]).abs() < _SAME)
    earlier = torch.ones(x.size(-1), x.size(-1), dtype=torch.bool, device=x.device).tril(-1)
    return (same & earlier & mask[..., None, :]).any(dim=-1)


def _leave_one_out(order: Tensor, x: Tensor, y: Tensor, count: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Leave out, of polygons with too many corners, the one that spans the smallest triangle with its neighbours."""
    place = torch.arange(order.size(-1), device=order.device).expand_as(order)
    before, after = (place - 1) % count.clamp(min=1), (place + 1) % count.clamp(min=1)
    ahead_x, ahead_y = x.gather(-1, after) - x, y.gather(-1, after) - y
    back_x, back_y = x.gather(-1, before) - x, y.gather(-1, before) - y
    triangle = (ahead_x * back_y - ahead_y * back_x).abs().masked_fill(place >= count, torch.inf)
    least = triangle.argmin(dim=-1, keepdim=True)
    excess = count > _CORNERS_OF_BOXES
    moved = (place + (excess & (place >= least))).clamp(max=order.size(-1) - 1)
    return order.gather(-1, moved), x.gather(-1, moved), y.gather(-1, moved), count - excess.long()

"""RoI pooling: the maximum of the input cells in each part of a grid laid over a box.

Source: Girshick, "Fast R-CNN", https://arxiv.org/abs/1504.08083, with mmcv's borders: a box reaches from ``x1 *
scale`` to ``(x2 + 1) * scale``, unrounded, and a part from the floor of its start to the ceiling of its end.
torchvision's ``roi_pool`` rounds the corners first, which gives other parts, so it cannot serve here.

Shape letters: N images, C channels, H W input cells, R boxes, P Q output cells.
"""

import torch
from torch import Tensor

from cnxv2_mm.mmcv_ops.precision import compute_dtype

_NOTHING = -1  # as in mmcv: in argmax, where a part has no cell


def roi_pool_forward(
    input: Tensor,
    rois: Tensor,
    output: Tensor,
    argmax: Tensor,
    pooled_height: int,
    pooled_width: int,
    spatial_scale: float,
) -> None:
    """Pool each box to ``pooled_height x pooled_width`` cells.

    Args:
        input: The maps, (N, C, H, W).
        rois: The boxes, (R, 5): index of the image, then x1, y1, x2, y2 in pixels of the image.
        output: The maxima, (R, C, pooled_height, pooled_width), overwritten; 0 where a part has no cell of the input.
        argmax: Like ``output``, overwritten with the positions of the maxima, ``row * W + column``; -1 where there is
            none.
        pooled_height: Rows of the grid, P.
        pooled_width: Columns of the grid, Q.
        spatial_scale: Input cells per pixel of the image.
    """
    height, width = input.shape[2:]
    rois = rois.to(compute_dtype(rois))
    image = rois[:, 0].long()[:, None, None]
    top_left = rois[:, [2, 1]] * spatial_scale  # (R, 2): y, x
    bottom_right = (rois[:, [4, 3]] + 1) * spatial_scale
    well_formed = (bottom_right > top_left).all(dim=1)
    top, bottom = _part_borders(top_left[:, 0], bottom_right[:, 0], pooled_height, height)
    left, right = _part_borders(top_left[:, 1], bottom_right[:, 1], pooled_width, width)
    rows = torch.where(well_formed[:, None], bottom - top, 0)
    columns = right - left

    cells_last = input.permute(0, 2, 3, 1).contiguous()  # N C H W -> N H W C: one position reads C neighbouring numbers
    maximum = input.new_full((len(rois), pooled_height, pooled_width, input.size(1)), -torch.inf)
    position = torch.full_like(maximum, _NOTHING, dtype=argmax.dtype)
    most_rows = int(rows.max()) if rows.numel() else 0
    most_columns = int(columns.max()) if columns.numel() else 0
    for step_y in range(most_rows):
        for step_x in range(most_columns):
            # only the boxes that have a part so large: the cost follows the boxes, not the largest one
            box = ((rows > step_y).any(dim=1) & (columns > step_x).any(dim=1)).nonzero()[:, 0]
            exists = (rows[box] > step_y)[:, :, None] & (columns[box] > step_x)[:, None, :]
            row = (top[box] + step_y).clamp(max=height - 1)[:, :, None]
            column = (left[box] + step_x).clamp(max=width - 1)[:, None, :]
            value = cells_last[image[box], row, column]
            better = (value > maximum[box]) & exists[..., None]
            maximum[box] = torch.where(better, value, maximum[box])
            position[box] = torch.where(better, (row * width + column)[..., None].to(argmax.dtype), position[box])
    maximum = maximum.masked_fill(position == _NOTHING, 0)
    output.copy_(maximum.permute(0, 3, 1, 2))  # R P Q C -> R C P Q
    argmax.copy_(position.permute(0, 3, 1, 2))


def roi_pool_backward(
    grad_output: Tensor,
    rois: Tensor,
    argmax: Tensor,
    grad_input: Tensor,
    pooled_height: int,
    pooled_width: int,
    spatial_scale: float,
) -> None:
    """Add the gradient of each maximum at its position in ``grad_input``, (N, C, H, W).

    ``grad_output`` is (R, C, pooled_height, pooled_width); for the other arguments see :func:`roi_pool_forward`.
    """
    _, channels, height, width = grad_input.shape
    plane = rois[:, 0].long()[:, None] * channels + torch.arange(channels, device=rois.device)  # (R, C)
    chosen = argmax != _NOTHING
    cell = plane[:, :, None, None] * (height * width) + argmax.long()
    gradient = torch.zeros(grad_input.shape, dtype=compute_dtype(grad_input), device=grad_input.device)
    gradient.view(-1).index_add_(0, cell[chosen], grad_output.to(gradient.dtype)[chosen])
    grad_input.add_(gradient)


def _part_borders(start: Tensor, end: Tensor, parts: int, limit: int) -> tuple[Tensor, Tensor]:
    """Return the first cell and the cell after the last of each part of one axis, (R, parts) each.

    The axis has ``limit`` cells.
    """
    size = (end - start) / parts
    number = torch.arange(parts, device=start.device)
    first = (number * size[:, None] + start[:, None]).floor()
    after = ((number + 1) * size[:, None] + start[:, None]).ceil()
    return first.clamp(0, limit).long(), after.clamp(0, limit).long()

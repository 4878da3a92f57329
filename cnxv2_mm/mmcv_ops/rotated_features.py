"""Features that follow rotated boxes or orientations: R3Det's feature alignment and active rotating filters.

Sources: Yang et al., "R3Det", https://arxiv.org/abs/1908.05612; Zhou et al., "Oriented Response Networks",
https://arxiv.org/abs/1701.01833; conventions of ``mmcv.ops.rotated_feature_align`` and ``active_rotated_filter``.

Shape letters: N images, C channels, H W cells, A B output and input planes of a filter, O orientations, h w cells of a
kernel, R rotations.
"""

import torch
from torch import Tensor

from cnxv2_mm.mmcv_ops.bilinear import bilinear_corners
from cnxv2_mm.mmcv_ops.precision import compute_dtype

_CENTRE, _CENTRE_AND_CORNERS = 1, 5


def rotated_feature_align_forward(
    features: Tensor, best_rbboxes: Tensor, output: Tensor, spatial_scale: float, points: int
) -> None:
    """Add to each cell what a box of its own has at its centre, or at its centre and its four corners.

    Args:
        features: The maps, (N, C, H, W).
        best_rbboxes: A box for each cell, (N, H, W, 5), or all of them in rows, (N * H * W, 5): **y**, **x**, width,
            height and angle, in this order, as in mmcv; pixels of the image, and radians.
        output: The result, (N, C, H, W), overwritten.
        spatial_scale: Cells per pixel of the image.
        points: 1 for the centre, 5 for the corners too.

    Raises:
        ValueError: ``points`` is neither 1 nor 5.
    """
    dtype = compute_dtype(features)
    cells_last = features.to(dtype).permute(0, 2, 3, 1).contiguous()  # N C H W -> N H W C
    result = cells_last.clone()
    for image, row, column, weight in _samples(best_rbboxes.to(dtype), features.shape, spatial_scale, points):
        result += cells_last[image, row, column] * weight[..., None]
    output.copy_(result.permute(0, 3, 1, 2))


def rotated_feature_align_backward(
    grad_output: Tensor, best_rbboxes: Tensor, grad_input: Tensor, spatial_scale: float, points: int
) -> None:
    """Add the gradient of the features to ``grad_input``, (N, C, H, W).

    For the other arguments see :func:`rotated_feature_align_forward`.
    """
    dtype = compute_dtype(grad_output)
    height, width = grad_output.shape[2:]
    grad_cells = grad_output.to(dtype).permute(0, 2, 3, 1)  # N C H W -> N H W C
    gradient = grad_cells.flatten(0, 2).clone()
    for image, row, column, weight in _samples(best_rbboxes.to(dtype), grad_output.shape, spatial_scale, points):
        cell = (image * height + row) * width + column
        gradient.index_add_(0, cell.flatten(), (grad_cells * weight[..., None]).flatten(0, 2))
    grad_input.add_(gradient.view_as(grad_cells).permute(0, 3, 1, 2))


def active_rotated_filter_forward(input: Tensor, indices: Tensor, output: Tensor) -> None:
    """Turn filters.

    Args:
        input: The filters, (A, B, O, h, w).
        indices: Where each number of a filter lies in each rotation, counted from 1, (O, h, w, R).
        output: The filters in all rotations, (A * R, B * O, h, w), overwritten at these places.
    """
    places = _places(indices, input.size(0), input.size(1))
    numbers = input.flatten(2)[:, None].expand_as(places)  # A B O h w -> A R B (O h w)
    output.view(places.shape).scatter_(3, places, numbers)


def active_rotated_filter_backward(grad_out: Tensor, indices: Tensor, grad_in: Tensor) -> None:
    """Overwrite ``grad_in``, (A, B, O, h, w), with the sum of each number's gradients over the rotations.

    For the other arguments see :func:`active_rotated_filter_forward`.
    """
    places = _places(indices, grad_in.size(0), grad_in.size(1))
    gradient = grad_out.to(compute_dtype(grad_out)).reshape(places.shape).gather(3, places).sum(dim=1)
    grad_in.copy_(gradient.view_as(grad_in))


def _samples(
    boxes: Tensor, shape: torch.Size, spatial_scale: float, points: int
) -> list[tuple[Tensor, Tensor, Tensor, Tensor]]:
    """Return images, rows, columns and weights of what all samples read from maps of a shape, (N, H, W) each."""
    if points not in (_CENTRE, _CENTRE_AND_CORNERS):
        raise ValueError(f"points={points!r} of rotated_feature_align is unknown; allowed: 1, 5")
    images, _, rows, columns = shape
    boxes = boxes.reshape(images, rows, columns, 5)
    y, x, width, height = (boxes[..., :4] * spatial_scale).unbind(dim=-1)
    cos, sin = boxes[..., 4].cos(), boxes[..., 4].sin()
    signs = [(0, 0)] if points == _CENTRE else [(0, 0), (1, 1), (-1, 1), (-1, -1), (1, -1)]
    image = torch.arange(images, device=boxes.device)[:, None, None]
    return [
        (image, row, column, weight)
        for across, along in signs
        for row, column, weight in bilinear_corners(
            y + across * sin * width / 2 + along * cos * height / 2,
            x + across * cos * width / 2 - along * sin * height / 2,
            rows,
            columns,
        )
    ]


def _places(indices: Tensor, outputs: int, inputs: int) -> Tensor:
    """Return where each number of each filter lies in each rotation, (A, R, B, O * h * w), counted from 0."""
    by_rotation = indices.flatten(0, 2).t().long() - 1  # O h w R -> R (O h w)
    return by_rotation[None, :, None].expand(outputs, -1, inputs, -1)

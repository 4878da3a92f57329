"""RoI align: average, or maximum, of bilinear samples in each cell of a grid laid over a box.

Averages are torchvision's. Maxima, which torchvision lacks, are gathered here sample by sample for all boxes at once.

Sources: He et al., "Mask R-CNN", https://arxiv.org/abs/1703.06870; sampling as in mmcv's ``roi_align`` and
torchvision's. Deliberate difference from mmcv: the maximum over a box without area (``aligned``, adaptive sampling) is
0, as its average is, instead of the lowest float.

Shape letters: N images, C channels, H W input cells, R boxes, P Q output cells.
"""

import torch
import torchvision  # noqa: F401  registers torch.ops.torchvision
from torch import Tensor

from cnxv2_mm.mmcv_ops.bilinear import bilinear_corners
from cnxv2_mm.mmcv_ops.precision import compute_dtype

_MAX, _AVERAGE = 0, 1
# In argmax_y and argmax_x, where a cell had no sample: outside of every input, so it gets no gradient.
_NO_SAMPLE = -2.0


def roi_align_forward(
    input: Tensor,
    rois: Tensor,
    output: Tensor,
    argmax_y: Tensor,
    argmax_x: Tensor,
    aligned_height: int,
    aligned_width: int,
    spatial_scale: float,
    sampling_ratio: int,
    pool_mode: int,
    aligned: bool,
) -> None:
    """Pool each box to ``aligned_height x aligned_width`` cells.

    Args:
        input: The maps, (N, C, H, W).
        rois: The boxes, (R, 5): index of the image, then x1, y1, x2, y2 in pixels of the image.
        output: The result, (R, C, aligned_height, aligned_width), overwritten.
        argmax_y: Like ``output``, overwritten with the row coordinates of the maxima; averages leave it alone.
        argmax_x: Like ``output``, overwritten with the column coordinates of the maxima; averages leave it alone.
        aligned_height: Rows of the grid, P.
        aligned_width: Columns of the grid, Q.
        spatial_scale: Input cells per pixel of the image.
        sampling_ratio: Samples per grid cell and axis; 0 takes as many as the cell is long, rounded up, box by box.
        pool_mode: 0 takes the maximum of the samples, 1 their average.
        aligned: Whether a cell's centre lies at half-integer coordinates; if not, boxes are at least one cell large.

    Raises:
        ValueError: ``pool_mode`` is neither 0 nor 1.
    """
    _check_mode(pool_mode)
    dtype = compute_dtype(input)
    rois = rois.to(dtype)
    size = (aligned_height, aligned_width)
    if pool_mode == _AVERAGE:
        result = torch.ops.torchvision.roi_align(input.to(dtype), rois, spatial_scale, *size, sampling_ratio, aligned)
        output.copy_(result)
        return
    maximum, y, x = _max_of_samples(input.to(dtype), rois, size, spatial_scale, sampling_ratio, aligned)
    output.copy_(maximum)
    argmax_y.copy_(y)
    argmax_x.copy_(x)


def roi_align_backward(
    grad_output: Tensor,
    rois: Tensor,
    argmax_y: Tensor,
    argmax_x: Tensor,
    grad_input: Tensor,
    aligned_height: int,
    aligned_width: int,
    spatial_scale: float,
    sampling_ratio: int,
    pool_mode: int,
    aligned: bool,
) -> None:
    """Add the gradient of the input to ``grad_input``, (N, C, H, W).

    ``grad_output`` is (R, C, aligned_height, aligned_width); for the other arguments see :func:`roi_align_forward`.
    """
    _check_mode(pool_mode)
    dtype = compute_dtype(grad_output)
    grad_output, rois = grad_output.to(dtype), rois.to(dtype)
    if pool_mode == _AVERAGE:
        gradient = torch.ops.torchvision._roi_align_backward(
            grad_output, rois, spatial_scale, aligned_height, aligned_width, *grad_input.shape, sampling_ratio, aligned
        )
    else:
        gradient = _scatter_to_samples(grad_output, rois, argmax_y.to(dtype), argmax_x.to(dtype), grad_input.shape)
    grad_input.add_(gradient)


def _check_mode(pool_mode: int) -> None:
    if pool_mode not in (_MAX, _AVERAGE):
        raise ValueError(f"pool_mode={pool_mode!r} of roi_align is unknown; allowed: 0 (maximum), 1 (average)")


def _max_of_samples(
    input: Tensor, rois: Tensor, size: tuple[int, int], spatial_scale: float, sampling_ratio: int, aligned: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the maxima, and the row and column of the first sample that reaches each, (R, C, P, Q) all three."""
    shift = 0.5 if aligned else 0.0
    start = rois[:, [2, 1]] * spatial_scale - shift  # (R, 2): y, x
    length = rois[:, [4, 3]] * spatial_scale - shift - start  # in torchvision's order: its rounding decides the samples
    if not aligned:
        length = length.clamp(min=1)
    cell = length / rois.new_tensor(size)
    samples = cell.ceil().clamp(min=0).long() if sampling_ratio <= 0 else torch.full_like(cell, sampling_ratio).long()

    cells_last = input.permute(0, 2, 3, 1).contiguous()  # N C H W -> N H W C: one sample reads C neighbouring numbers
    maximum = input.new_full((len(rois), *size, input.size(1)), -torch.inf)
    y, x = torch.full_like(maximum, _NO_SAMPLE), torch.full_like(maximum, _NO_SAMPLE)
    steps_y, steps_x = samples.amax(dim=0).tolist() if len(rois) else (0, 0)
    for step_y in range(steps_y):
        for step_x in range(steps_x):
            box = ((samples[:, 0] > step_y) & (samples[:, 1] > step_x)).nonzero()[:, 0]  # those with such a sample
            here_y = _sample_coordinates(start[box, 0], cell[box, 0], samples[box, 0], step_y, size[0])[:, :, None]
            here_x = _sample_coordinates(start[box, 1], cell[box, 1], samples[box, 1], step_x, size[1])[:, None, :]
            corners = bilinear_corners(here_y, here_x, *input.shape[2:])
            image = rois[box, 0].long()[:, None, None]
            value = sum(cells_last[image, row, column] * weight[..., None] for row, column, weight in corners)
            better = value > maximum[box]
            maximum[box] = torch.where(better, value, maximum[box])
            y[box] = torch.where(better, here_y[..., None], y[box])
            x[box] = torch.where(better, here_x[..., None], x[box])
    maximum = maximum.masked_fill(y == _NO_SAMPLE, 0)
    return maximum.permute(0, 3, 1, 2), y.permute(0, 3, 1, 2), x.permute(0, 3, 1, 2)  # R P Q C -> R C P Q


def _sample_coordinates(start: Tensor, cell: Tensor, samples: Tensor, step: int, cells: int) -> Tensor:
    """Return the coordinate of sample number ``step`` in each cell of one axis, (R, cells)."""
    within = (step + 0.5) * cell / samples
    return start[:, None] + torch.arange(cells, device=cell.device) * cell[:, None] + within[:, None]


def _scatter_to_samples(grad_output: Tensor, rois: Tensor, y: Tensor, x: Tensor, shape: torch.Size) -> Tensor:
    """Return the gradient of the input, (N, C, H, W): each maximum's goes to the four cells around its sample."""
    _, channels, height, width = shape
    gradient = grad_output.new_zeros(shape)
    image = rois[:, 0].long()[:, None, None, None]
    plane = image * channels + torch.arange(channels, device=rois.device)[:, None, None]  # (R, C, 1, 1)
    for row, column, weight in bilinear_corners(y, x, height, width):
        cell = (plane * height + row) * width + column
        gradient.view(-1).index_add_(0, cell.flatten(), (grad_output * weight).flatten())
    return gradient

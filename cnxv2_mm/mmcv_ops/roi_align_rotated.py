"""RoI align of rotated boxes: the average of bilinear samples in each cell of a grid that is turned with its box.

The rotation-invariant variant reads maps whose channels are groups of orientations: it pools, then turns the
orientations of each box by the box's angle, mixing the two nearest ones.

Sources: Ding et al., "Learning RoI Transformer for Oriented Object Detection in Aerial Images",
https://arxiv.org/abs/1812.00155; Han et al., "ReDet", https://arxiv.org/abs/2103.07733; conventions of
``mmcv.ops.RoIAlignRotated`` and ``RiRoIAlignRotated``.

Shape letters: N images, C channels, H W input cells, R boxes, P Q output cells, O orientations.
"""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from cnxv2_mm.mmcv_ops.bilinear import bilinear_corners
from cnxv2_mm.mmcv_ops.precision import compute_dtype


def roi_align_rotated_forward(
    input: Tensor,
    rois: Tensor,
    output: Tensor,
    pooled_height: int,
    pooled_width: int,
    spatial_scale: float,
    sampling_ratio: int,
    aligned: bool,
    clockwise: bool,
) -> None:
    """Pool each box to ``pooled_height x pooled_width`` cells.

    Args:
        input: The maps, (N, C, H, W).
        rois: The boxes, (R, 6): index of the image, then x and y of the centre, width and height in pixels of the
            image, and the angle in radians.
        output: The averages, (R, C, pooled_height, pooled_width), overwritten.
        pooled_height: Rows of the grid, P.
        pooled_width: Columns of the grid, Q.
        spatial_scale: Input cells per pixel of the image.
        sampling_ratio: Samples per grid cell and axis; 0 takes as many as the cell is long, rounded up, box by box.
        aligned: Whether a cell's centre lies at half-integer coordinates; if not, boxes are at least one cell large.
        clockwise: Whether a positive angle turns the x axis towards the y axis, which points down; if not, the other
            way.
    """
    grid = _Grid(rois, (pooled_height, pooled_width), spatial_scale, sampling_ratio, aligned, clockwise)
    output.copy_(_pool(input, grid))


def roi_align_rotated_backward(
    grad_output: Tensor,
    rois: Tensor,
    grad_input: Tensor,
    pooled_height: int,
    pooled_width: int,
    spatial_scale: float,
    sampling_ratio: int,
    aligned: bool,
    clockwise: bool,
) -> None:
    """Add the gradient of the input to ``grad_input``, (N, C, H, W).

    ``grad_output`` is (R, C, pooled_height, pooled_width); for the other arguments see
    :func:`roi_align_rotated_forward`.
    """
    grid = _Grid(rois, (pooled_height, pooled_width), spatial_scale, sampling_ratio, aligned, clockwise)
    grad_input.add_(_spread(grad_output, grid, grad_input.shape))


def riroi_align_rotated_forward(
    features: Tensor,
    rois: Tensor,
    output: Tensor,
    pooled_height: int,
    pooled_width: int,
    spatial_scale: float,
    num_samples: int,
    num_orientations: int,
    clockwise: bool,
) -> None:
    """Pool each box as :func:`roi_align_rotated_forward` does if not aligned, and turn its orientations.

    Args:
        features: The maps, (N, C * num_orientations, H, W).
        rois: The boxes, (R, 6).
        output: The result, (R, C * num_orientations, pooled_height, pooled_width), overwritten.
        pooled_height: Rows of the grid, P.
        pooled_width: Columns of the grid, Q.
        spatial_scale: Input cells per pixel of the image.
        num_samples: Samples per grid cell and axis; 0 takes as many as the cell is long, rounded up, box by box.
        num_orientations: Number of neighbouring channels that hold one feature in evenly spaced orientations, O.
        clockwise: As there. As in mmcv, it turns the grid, and leaves the orientations alone.
    """
    grid = _Grid(rois, (pooled_height, pooled_width), spatial_scale, num_samples, False, clockwise)
    pooled = _pool(features, grid)
    output.copy_(_mix(pooled, *_orientations(rois, num_orientations)))


def riroi_align_rotated_backward(
    grad_output: Tensor,
    rois: Tensor,
    grad_input: Tensor,
    pooled_height: int,
    pooled_width: int,
    spatial_scale: float,
    num_samples: int,
    num_orientations: int,
    clockwise: bool,
) -> None:
    """Add the gradient of the features to ``grad_input``, (N, C * num_orientations, H, W).

    For the other arguments see :func:`riroi_align_rotated_forward`.
    """
    grid = _Grid(rois, (pooled_height, pooled_width), spatial_scale, num_samples, False, clockwise)
    source, following, share = _orientations(rois, num_orientations)
    grad_output = grad_output.to(compute_dtype(grad_output))
    # both are permutations of the orientations: the gradient goes back by their inverses
    grad_pooled = _mix(grad_output, source.argsort(dim=1), following.argsort(dim=1), share)
    grad_input.add_(_spread(grad_pooled, grid, grad_input.shape))


class _Grid:
    """The samples of all boxes.

    Attributes:
        image: Index of each box's image, (R,).
        size: Rows and columns of the grid, P and Q.
        dtype: The type in which to compute.
    """

    def __init__(
        self,
        rois: Tensor,
        size: tuple[int, int],
        spatial_scale: float,
        sampling_ratio: int,
        aligned: bool,
        clockwise: bool,
    ) -> None:
        self.size = size
        self.dtype = compute_dtype(rois)
        rois = rois.detach().to(self.dtype)
        self.image = rois[:, 0].long()
        self._centre = rois[:, [2, 1]] * spatial_scale - (0.5 if aligned else 0.0)  # (R, 2): y, x
        length = rois[:, [4, 3]] * spatial_scale
        if not aligned:
            length = length.clamp(min=1)
        self._start = -length / 2  # from the centre, before the turn
        self._cell = length / rois.new_tensor(size)
        adaptive = self._cell.ceil().clamp(min=0).long()
        self._samples = adaptive if sampling_ratio <= 0 else torch.full_like(adaptive, sampling_ratio)
        angle = rois[:, 5] if clockwise else -rois[:, 5]
        self._cos, self._sin = angle.cos()[:, None, None], angle.sin()[:, None, None]

    def corners(self, height: int, width: int) -> Iterator[tuple[Tensor, list[tuple[Tensor, Tensor, Tensor]]]]:
        """Yield, sample by sample, the boxes that have it, (B,), and the cells that it reads on maps of a given size.

        For each of the four cells around it there are rows, columns and weights, (B, P, Q). The weights of all samples
        of a grid cell sum to 1, or less if some are outside.
        """
        steps_y, steps_x = self._samples.amax(dim=0).tolist() if len(self.image) else (0, 0)
        for step_y in range(steps_y):
            for step_x in range(steps_x):
                box = ((self._samples[:, 0] > step_y) & (self._samples[:, 1] > step_x)).nonzero()[:, 0]
                y = self._along(0, box, step_y)[:, :, None]
                x = self._along(1, box, step_x)[:, None, :]
                cos, sin, centre = self._cos[box], self._sin[box], self._centre[box]
                row = y * cos + x * sin + centre[:, 0, None, None]
                column = x * cos - y * sin + centre[:, 1, None, None]
                share = 1 / self._samples[box].prod(dim=1).to(self.dtype)[:, None, None]
                around = bilinear_corners(row, column, height, width)
                yield box, [(top, left, weight * share) for top, left, weight in around]

    def _along(self, axis: int, box: Tensor, step: int) -> Tensor:
        """Return the coordinate of sample number ``step`` in each cell of an axis, from the centre, (B, cells)."""
        cell = self._cell[box, axis, None]
        number = torch.arange(self.size[axis], device=box.device)
        return self._start[box, axis, None] + number * cell + (step + 0.5) * cell / self._samples[box, axis, None]


def _pool(input: Tensor, grid: _Grid) -> Tensor:
    """Return the averages, (R, C, P, Q)."""
    cells_last = input.to(compute_dtype(input)).permute(0, 2, 3, 1).contiguous()  # N C H W -> N H W C
    pooled = cells_last.new_zeros(len(grid.image), *grid.size, input.size(1))
    for box, around in grid.corners(*input.shape[2:]):
        image = grid.image[box, None, None]
        pooled[box] += sum(cells_last[image, row, column] * weight[..., None] for row, column, weight in around)
    return pooled.permute(0, 3, 1, 2)  # R P Q C -> R C P Q


def _spread(grad_output: Tensor, grid: _Grid, shape: torch.Size) -> Tensor:
    """Return the gradient of the input, (N, C, H, W), given that of the averages, (R, C, P, Q)."""
    images, channels, height, width = shape
    grad_output = grad_output.to(compute_dtype(grad_output)).permute(0, 2, 3, 1)  # R C P Q -> R P Q C
    gradient = grad_output.new_zeros(images * height * width, channels)
    for box, around in grid.corners(height, width):
        for row, column, weight in around:
            cell = (grid.image[box, None, None] * height + row) * width + column
            gradient.index_add_(0, cell.flatten(), (grad_output[box] * weight[..., None]).flatten(0, 2))
    return gradient.view(images, height, width, channels).permute(0, 3, 1, 2)


def _orientations(rois: Tensor, number: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return which orientations each one of a box is mixed from, (R, O) twice, and the share of the second, (R,)."""
    turns = rois[:, 5].detach().to(compute_dtype(rois)) * number / (2 * math.pi)
    whole = turns.floor()
    source = (torch.arange(number, device=rois.device) - whole.long()[:, None]) % number
    return source, (source + 1) % number, turns - whole


def _mix(pooled: Tensor, source: Tensor, following: Tensor, share: Tensor) -> Tensor:
    """Return (R, C * O, P, Q): from the orientations ``source``, and by a share of each box from ``following``."""
    orientations = pooled.unflatten(1, (-1, source.size(1)))  # R (C O) P Q -> R C O P Q
    first, second = (
        orientations.gather(2, index[:, None, :, None, None].expand_as(orientations)) for index in (source, following)
    )
    share = share.to(pooled.dtype)[:, None, None, None, None]
    return (first * (1 - share) + second * share).flatten(1, 2)

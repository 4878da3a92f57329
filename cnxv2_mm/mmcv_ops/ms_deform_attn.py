"""Multi-scale deformable attention: weighted sums of bilinear samples taken from several maps.

Source: Zhu et al., "Deformable DETR", https://arxiv.org/abs/2010.04159, equation 3. One map is sampled after the
other, and the backward samples it again instead of keeping the samples, so memory holds those of one map at a time.

Shape letters: N images, K cells of all maps together, M heads, D channels of a head, Q queries, L maps, P samples per
map.
"""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from cnxv2_mm.mmcv_ops.precision import compute_dtype


def ms_deform_attn_forward(
    value: Tensor,
    spatial_shapes: Tensor,
    level_start_index: Tensor,
    sampling_loc: Tensor,
    attn_weight: Tensor,
    im2col_step: int,
) -> Tensor:
    """Sum the samples of each query and head, weighted by its attention.

    Args:
        value: The cells of all maps, one map behind the other, (N, K, M, D).
        spatial_shapes: Rows and columns of each map, (L, 2).
        level_start_index: Where each map starts among the K cells, (L,).
        sampling_loc: Where to sample, (N, Q, M, L, P, 2): x, y; 0 and 1 are the borders of the map, and outside of it
            all is zero.
        attn_weight: The weights of the samples, (N, Q, M, L, P).
        im2col_step: Unused (the images that the compiled operator treats at a time).

    Returns:
        The sums, (N, Q, M * D), in the type of ``value``.
    """
    dtype = compute_dtype(value)
    images, _, heads, depth = value.shape
    output = value.new_zeros(images, sampling_loc.size(1), heads * depth, dtype=dtype)
    for level, cells, shape in _levels(spatial_shapes, level_start_index):
        inputs = (value[:, cells], sampling_loc[:, :, :, level], attn_weight[:, :, :, level])
        values, locations, weights = (tensor.to(dtype) for tensor in inputs)
        output += _attend_to_map(values, locations, weights, shape)
    return output.to(value.dtype)


def ms_deform_attn_backward(
    value: Tensor,
    spatial_shapes: Tensor,
    level_start_index: Tensor,
    sampling_loc: Tensor,
    attn_weight: Tensor,
    grad_output: Tensor,
    grad_value: Tensor,
    grad_sampling_loc: Tensor,
    grad_attn_weight: Tensor,
    im2col_step: int,
) -> None:
    """Add the gradients to the ``grad_`` tensors, which have the shapes of their originals.

    ``grad_output`` is (N, Q, M * D); for the other arguments see :func:`ms_deform_attn_forward`.
    """
    dtype = compute_dtype(value)
    for level, cells, shape in _levels(spatial_shapes, level_start_index):
        inputs = (value[:, cells], sampling_loc[:, :, :, level], attn_weight[:, :, :, level])
        values, locations, weights = (tensor.detach().to(dtype).requires_grad_() for tensor in inputs)
        with torch.enable_grad():
            output = _attend_to_map(values, locations, weights, shape)
        gradients = torch.autograd.grad(output, (values, locations, weights), grad_output.to(dtype).view_as(output))
        grad_value[:, cells] += gradients[0]
        grad_sampling_loc[:, :, :, level] += gradients[1]
        grad_attn_weight[:, :, :, level] += gradients[2]


def _levels(spatial_shapes: Tensor, level_start_index: Tensor) -> Iterator[tuple[int, slice, tuple[int, int]]]:
    """Yield the number of each map, its place among the cells, and its rows and columns."""
    starts = level_start_index.tolist()
    for level, (height, width) in enumerate(spatial_shapes.tolist()):
        yield level, slice(starts[level], starts[level] + height * width), (height, width)


def _attend_to_map(value: Tensor, locations: Tensor, weights: Tensor, shape: tuple[int, int]) -> Tensor:
    """Return one map's part of the sum, (N, Q, M * D).

    Args:
        value: The cells of the map, (N, H * W, M, D).
        locations: Where to sample, (N, Q, M, P, 2).
        weights: The weights of the samples, (N, Q, M, P).
        shape: Rows and columns of the map, (H, W).
    """
    images, queries, heads, _ = weights.shape
    depth = value.size(3)
    maps = value.permute(0, 2, 3, 1).reshape(images * heads, depth, *shape)  # N (HW) M D -> (NM) D H W
    grid = (2 * locations - 1).transpose(1, 2).flatten(0, 1)  # N Q M P 2 -> (NM) Q P 2
    samples = F.grid_sample(maps, grid, mode="bilinear", padding_mode="zeros", align_corners=False)  # (NM) D Q P
    weights = weights.transpose(1, 2).flatten(0, 1)  # N Q M P -> (NM) Q P
    attended = (samples * weights[:, None]).sum(dim=-1)  # (NM) D Q
    return attended.reshape(images, heads * depth, queries).transpose(1, 2)

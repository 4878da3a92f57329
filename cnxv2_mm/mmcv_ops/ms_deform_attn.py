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
    """Attend.

    Args:
        value: (N, K, M, D).
        spatial_shapes: (L, 2) rows and columns of each map.
        level_start_index: (L,) where each map starts among the K cells.
        sampling_loc: (N, Q, M, L, P, 2): x, y; 0 and 1 are the borders of the map, and outside of it all is zero.
        attn_weight: (N, Q, M, L, P).
        im2col_step: unused: the compiled operator's batch per launch.

    Returns:
        (N, Q, M * D).
    """
    dtype = compute_dtype(value)
    images, _, heads, depth = value.shape
    output = value.new_zeros(images, sampling_loc.size(1), heads * depth, dtype=dtype)
    for level, cells, shape in _levels(spatial_shapes, level_start_index):
        inputs = (value[:, cells], sampling_loc[:, :, :, level], attn_weight[:, :, :, level])
        output += _attend_to_map(*(tensor.to(dtype) for tensor in inputs), shape)
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
    """Add the gradients to the ``grad_`` tensors, shaped like their originals; see the forward for the rest."""
    dtype = compute_dtype(value)
    for level, cells, shape in _levels(spatial_shapes, level_start_index):
        inputs = (value[:, cells], sampling_loc[:, :, :, level], attn_weight[:, :, :, level])
        inputs = [tensor.detach().to(dtype).requires_grad_() for tensor in inputs]
        with torch.enable_grad():
            output = _attend_to_map(*inputs, shape)
        gradients = torch.autograd.grad(output, inputs, grad_output.to(dtype).view_as(output))
        grad_value[:, cells] += gradients[0]
        grad_sampling_loc[:, :, :, level] += gradients[1]
        grad_attn_weight[:, :, :, level] += gradients[2]


def _levels(spatial_shapes: Tensor, level_start_index: Tensor) -> Iterator[tuple[int, slice, tuple[int, int]]]:
    """Yield the number, place among the cells, and rows and columns of each map."""
    starts = level_start_index.tolist()
    for level, (height, width) in enumerate(spatial_shapes.tolist()):
        yield level, slice(starts[level], starts[level] + height * width), (height, width)


def _attend_to_map(value: Tensor, locations: Tensor, weights: Tensor, shape: tuple[int, int]) -> Tensor:
    """One map's part (N, Q, M * D) of the sum.

    Args:
        value: (N, H * W, M, D).
        locations: (N, Q, M, P, 2).
        weights: (N, Q, M, P).
        shape: H, W.
    """
    images, queries, heads, _ = weights.shape
    depth = value.size(3)
    maps = value.permute(0, 2, 3, 1).reshape(images * heads, depth, *shape)  # N (HW) M D -> (NM) D H W
    grid = (2 * locations - 1).transpose(1, 2).flatten(0, 1)  # N Q M P 2 -> (NM) Q P 2
    samples = F.grid_sample(maps, grid, mode="bilinear", padding_mode="zeros", align_corners=False)  # (NM) D Q P
    weights = weights.transpose(1, 2).flatten(0, 1)  # N Q M P -> (NM) Q P
    attended = (samples * weights[:, None]).sum(dim=-1)  # (NM) D Q
    return attended.reshape(images, heads * depth, queries).transpose(1, 2)

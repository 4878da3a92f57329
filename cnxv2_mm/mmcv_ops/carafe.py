"""CARAFE: a map made larger, each new cell a weighted sum of the old cells around it.

With ``r = (k - 1) / 2`` and the weights predicted for each new cell, ::

    output[n, c, y, x] = sum over i, j of masks[n, (g k + i) k + j, y, x] features[n, c, y // s + i - r, x // s + j - r]

where ``g`` is the group of channel ``c``, and features outside of the map count as zero. Source: the reassembly of Wang
et al., "CARAFE: Content-Aware ReAssembly of FEatures", https://arxiv.org/abs/1905.02188.

Differences from mmcv's compiled operators, which exist on GPUs only: the fast and the naive operator are one and the
same here; features and masks may differ in type, as autocast leaves them; the buffers for rearranged tensors
(``routput``, ``rmasks``, ``rgrad_*``) are left alone, and ``rfeatures`` holds the features as they are. The sum runs
tap by tap with the channels last, so that memory holds a few maps and never the k * k neighbours of every cell.

On CPUs mmcv's own wrapper refuses the backward of ``CARAFENaive``, not of ``CARAFE``.

Shape letters: N images, C channels, G groups, D = C / G channels of a group, H W cells, k kernel size, s scale.
"""

from collections.abc import Iterator

import torch.nn.functional as F
from torch import Tensor

from cnxv2_mm.mmcv_ops.precision import compute_dtype


def carafe_naive_forward(
    features: Tensor, masks: Tensor, output: Tensor, kernel_size: int, group_size: int, scale_factor: int
) -> None:
    """Compute each new cell as the weighted sum of the old cells around it.

    Args:
        features: The old map, (N, C, H, W).
        masks: The weights of each new cell, (N, G * k * k, H * s, W * s), normalised by the caller.
        output: The new map, (N, C, H * s, W * s), overwritten.
        kernel_size: How many old cells down and across are summed, k, odd.
        group_size: The number of groups of channels, G; each has weights of its own.
        scale_factor: How many times larger the new map is down and across, s.

    Raises:
        RuntimeError: The shapes do not fit each other.
    """
    height, width = features.shape[2:]
    padded = _padded(features, kernel_size, group_size)
    weights = _by_tap(masks.to(padded.dtype), kernel_size, group_size, scale_factor)
    sums = padded.new_zeros(*weights.shape[1:-1], padded.size(-1))  # N H s W s G D
    for tap, window in _windows(kernel_size, height, width):
        sums.addcmul_(padded[window][:, :, None, :, None], weights[tap])
    output.copy_(sums.flatten(5).flatten(3, 4).flatten(1, 2).permute(0, 3, 1, 2))


def carafe_naive_backward(
    grad_output: Tensor,
    features: Tensor,
    masks: Tensor,
    grad_input: Tensor,
    grad_masks: Tensor,
    kernel_size: int,
    group_size: int,
    scale_factor: int,
) -> None:
    """Overwrite ``grad_input`` and ``grad_masks``, which have the shapes of ``features`` and ``masks``.

    ``grad_output`` is (N, C, H * s, W * s); for the other arguments see :func:`carafe_naive_forward`.
    """
    height, width = features.shape[2:]
    padded = _padded(features, kernel_size, group_size)
    weights = _by_tap(masks.to(padded.dtype), kernel_size, group_size, scale_factor)
    grads = grad_output.to(padded.dtype).unflatten(1, (group_size, -1))
    grads = grads.unflatten(4, (-1, scale_factor)).unflatten(3, (-1, scale_factor))  # N G D H s W s
    grads = grads.permute(4, 6, 0, 3, 5, 1, 2).contiguous()  # -> s s N H W G D
    grad_padded = padded.new_zeros(padded.shape)
    grad_weights = _by_tap(grad_masks, kernel_size, group_size, scale_factor)  # a view: writing fills grad_masks
    for row in range(scale_factor):
        for column in range(scale_factor):
            grad = grads[row, column]  # N H W G D: one new cell of each old cell, so no product is larger than the map
            for tap, window in _windows(kernel_size, height, width):
                grad_padded[window].addcmul_(grad, weights[tap, :, :, row, :, column])
                product = grad * padded[window]
                grad_weights[tap, :, :, row, :, column] = product.sum(dim=-1, keepdim=True)
    inside = _centre(kernel_size, height, width)
    grad_input.copy_(grad_padded[inside].flatten(3).permute(0, 3, 1, 2))


def carafe_forward(
    features: Tensor,
    masks: Tensor,
    rfeatures: Tensor,
    routput: Tensor,
    rmasks: Tensor,
    output: Tensor,
    kernel_size: int,
    group_size: int,
    scale_factor: int,
) -> None:
    """Compute the same as :func:`carafe_naive_forward`, which describes the other arguments and the errors.

    Args:
        rfeatures: (N, C, H, W), overwritten with the features; the backward pass takes them under this name.
        routput: Unused.
        rmasks: Unused.
    """
    carafe_naive_forward(features, masks, output, kernel_size, group_size, scale_factor)
    rfeatures.copy_(features)


def carafe_backward(
    grad_output: Tensor,
    rfeatures: Tensor,
    masks: Tensor,
    rgrad_output: Tensor,
    rgrad_input_hs: Tensor,
    rgrad_input: Tensor,
    rgrad_masks: Tensor,
    grad_input: Tensor,
    grad_masks: Tensor,
    kernel_size: int,
    group_size: int,
    scale_factor: int,
) -> None:
    """Overwrite ``grad_input`` and ``grad_masks``, which have the shapes of the features and of ``masks``.

    ``rfeatures`` is what :func:`carafe_forward` wrote; the ``rgrad_`` tensors are unused; for the other arguments see
    :func:`carafe_naive_backward`.
    """
    carafe_naive_backward(grad_output, rfeatures, masks, grad_input, grad_masks, kernel_size, group_size, scale_factor)


def _padded(features: Tensor, kernel_size: int, groups: int) -> Tensor:
    """Return the features with zeros around, (N, H + k - 1, W + k - 1, G, D), in the type to compute in."""
    radius = kernel_size // 2
    cells_first = features.to(compute_dtype(features)).permute(0, 2, 3, 1)  # N C H W -> N H W C
    return F.pad(cells_first, (0, 0, radius, radius, radius, radius)).unflatten(3, (groups, -1))


def _by_tap(masks: Tensor, kernel_size: int, groups: int, scale: int) -> Tensor:
    """Return the masks as a view (k * k, N, H, s, W, s, G, 1)."""
    masks = masks.unflatten(3, (-1, scale)).unflatten(2, (-1, scale)).unflatten(1, (groups, kernel_size**2))
    return masks.permute(2, 0, 3, 4, 5, 6, 1).unsqueeze(-1)  # N G kk H s W s -> kk N H s W s G 1


def _windows(kernel_size: int, height: int, width: int) -> Iterator[tuple[int, tuple[slice, slice, slice]]]:
    """Yield the number of each tap and the part of the padded map that it sees: the map moved by the tap."""
    for tap in range(kernel_size**2):
        row, column = divmod(tap, kernel_size)
        yield tap, (slice(None), slice(row, row + height), slice(column, column + width))


def _centre(kernel_size: int, height: int, width: int) -> tuple[slice, slice, slice]:
    """Return where the map lies in the padded map."""
    radius = kernel_size // 2
    return slice(None), slice(radius, radius + height), slice(radius, radius + width)

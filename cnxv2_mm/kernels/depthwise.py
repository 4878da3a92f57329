"""Depthwise convolution of stride 1: of whole maps, and of packed cells, which are written into whole maps for it.

The forward pass is PyTorch's. So is the gradient of the input on a CPU: a convolution with the kernel turned by half a
circle, which oneDNN runs as fast as the forward pass. The gradient of the weight,

    dW[c, i, j] = sum over images n and cells (y, x) of  in[n, c, y + i - p, x + j - p] * grad[n, c, y, x],

is itself a depthwise convolution of one image with its own gradient as the (large) kernel; that is several times
faster than oneDNN's weight gradient (what it gains in all: ``masked_dense_kernels`` in ``benchmarks/README.md``). On
other devices, and where a gradient of the gradient is wanted, both gradients are PyTorch's own.

Shape letters: N images, H x W cells, C channels, k x k taps, R packed cells of all images.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from cnxv2_mm.kernels.dispatch import may_be_differentiated_again

# Elements of a map whose weight gradient a CPU takes at a time: 1 MB in float32, a core's second-level cache.
CACHED_ELEMENTS = 2**18


def depthwise(x: Tensor, weight: Tensor, bias: Tensor | None, padding: int, dilation: int = 1) -> Tensor:
    """Convolve every channel of a map with a kernel of its own.

    Args:
        x: The map, (N, H, W, C), contiguous: its (N, C, H, W) view is channels last.
        weight: The kernels, (C, 1, k, k).
        bias: What is added to each channel, (C,), or None.
        padding: Number of zeros on each side; with ``dilation * (k - 1) / 2`` the map keeps its size.
        dilation: Cells between neighbouring taps.

    Returns:
        The convolved map, (N, H', W', C), contiguous, in the type of autocast where it is on.
    """
    weight, bias = _as_autocast(x, weight, bias)
    return _Depthwise.apply(x.to(weight.dtype), weight, bias, padding, dilation)


def packed_depthwise(
    rows: Tensor, places: Tensor, size: tuple[int, int, int], weight: Tensor, bias: Tensor | None
) -> Tensor:
    """Convolve maps that are zero but for some cells, and return the results at these cells.

    The whole map exists only while it is convolved: nothing but the cells is kept for the backward pass.

    Args:
        rows: The cells, (R, C).
        places: Where each is among the N * H * W cells of the maps, (R,); no place twice.
        size: (N, H, W) of the maps.
        weight: The kernels, (C, 1, k, k), k odd.
        bias: What is added to each channel, (C,), or None.

    Returns:
        The convolved maps at the same places, (R, C).
    """
    weight, bias = _as_autocast(rows, weight, bias)
    return _PackedDepthwise.apply(rows.to(weight.dtype), places, size, weight, bias)


def scatter_rows(rows: Tensor, places: Tensor, size: tuple[int, int, int]) -> Tensor:
    """Write (R, C) cells to their places in (N, H, W, C) maps of zeros."""
    n, h, w = size
    return rows.new_zeros(n * h * w, rows.shape[1]).index_copy_(0, places, rows).view(n, h, w, rows.shape[1])


class _Depthwise(torch.autograd.Function):
    """See :func:`depthwise`."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, padding: int, dilation: int) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.geometry = padding, dilation
        return _convolve(x, weight, bias, padding, dilation)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        needs_x, needs_weight, needs_bias = ctx.needs_input_grad[:3]
        grad = grad.contiguous()
        padding, dilation = ctx.geometry
        grad_x, grad_weight = _gradients(x, grad, weight, padding, dilation, (needs_x, needs_weight))
        return grad_x, grad_weight, grad.flatten(0, 2).sum(0) if needs_bias else None, None, None


class _PackedDepthwise(torch.autograd.Function):
    """See :func:`packed_depthwise`."""

    @staticmethod
    def forward(
        ctx: Any, rows: Tensor, places: Tensor, size: tuple[int, int, int], weight: Tensor, bias: Tensor | None
    ) -> Tensor:
        ctx.save_for_backward(rows, places, weight)
        ctx.size = size
        y = _convolve(scatter_rows(rows, places, size), weight, bias, weight.shape[-1] // 2, 1)
        return y.flatten(0, 2).index_select(0, places)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        rows, places, weight = ctx.saved_tensors
        needs_rows, _, _, needs_weight, needs_bias = ctx.needs_input_grad
        x = scatter_rows(rows, places, ctx.size) if needs_weight else None
        grad_map = scatter_rows(grad.contiguous(), places, ctx.size)
        grad_x, grad_weight = _gradients(x, grad_map, weight, weight.shape[-1] // 2, 1, (needs_rows, needs_weight))
        grad_rows = grad_x.flatten(0, 2).index_select(0, places) if grad_x is not None else None
        return grad_rows, None, None, grad_weight, grad.sum(0) if needs_bias else None


def _as_autocast(x: Tensor, weight: Tensor, bias: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """Return the parameters in the type in which autocast, where it is on, has a convolution run."""
    device = x.device.type
    if device == "meta" or not torch.is_autocast_enabled(device):
        return weight, bias
    dtype = torch.get_autocast_dtype(device)
    return weight.to(dtype), None if bias is None else bias.to(dtype)


def _convolve(x: Tensor, weight: Tensor, bias: Tensor | None, padding: int, dilation: int) -> Tensor:
    """Apply PyTorch's depthwise convolution to (N, H, W, C) maps."""
    y = F.conv2d(x.permute(0, 3, 1, 2), weight, bias, 1, padding, dilation, groups=weight.shape[0])
    return y.permute(0, 2, 3, 1).contiguous()


def _gradients(
    x: Tensor | None, grad: Tensor, weight: Tensor, padding: int, dilation: int, needed: tuple[bool, bool]
) -> tuple[Tensor | None, Tensor | None]:
    """Return the gradients of the input, (N, H, W, C), and of the weight, each None unless it is needed.

    The weight's gradient gets the strides of the weight, even that of its one input channel, which means nothing:
    DistributedDataParallel compares all strides and warns.

    Args:
        x: The input; None where the weight's gradient is not needed.
        grad: The gradient of the result.
        weight: The kernels.
        padding: Number of zeros on each side.
        dilation: Cells between neighbouring taps.
        needed: Whether the gradient of the input is needed, and whether that of the weight is.
    """
    grad_x: Tensor | None = None
    grad_weight: Tensor | None = None
    if grad.device.type == "cpu" and not may_be_differentiated_again():
        if needed[0]:
            opposite = dilation * (weight.shape[-1] - 1) - padding
            grad_x = _convolve(grad, weight.flip(2, 3), None, opposite, dilation)
        if needed[1]:
            grad_weight = weight_gradient(x, grad, padding, dilation)
    else:
        taps = grad if x is None else x
        grad_x, grad_weight, _ = torch.ops.aten.convolution_backward(
            grad.permute(0, 3, 1, 2),
            taps.permute(0, 3, 1, 2),
            weight,
            None,
            [1, 1],
            [padding, padding],
            [dilation, dilation],
            False,
            [0, 0],
            weight.shape[0],
            [*needed, False],
        )
        grad_x = grad_x.permute(0, 2, 3, 1).contiguous() if grad_x is not None else None
    return grad_x, torch.empty_like(weight).copy_(grad_weight) if grad_weight is not None else None


@torch.library.custom_op("cnxv2_mm::depthwise_weight_gradient", mutates_args=())
def weight_gradient(x: Tensor, grad: Tensor, padding: int, dilation: int) -> Tensor:
    """Return the gradient of depthwise kernels, (C, 1, k, k).

    Args:
        x: The maps that were convolved, (N, H, W, C).
        grad: The gradient of the results, (N, H', W', C).
        padding: Number of zeros on each side.
        dilation: Cells between neighbouring taps.
    """
    n, h, w, c = x.shape
    side = _taps(x, grad, padding, dilation)
    total = x.new_zeros(c, side, side, dtype=torch.promote_types(x.dtype, torch.float32))
    # Images so small that a call for each would cost more than its arithmetic go together, side by side as channels.
    together = max(1, CACHED_ELEMENTS // (h * w * c))
    for start in range(0, n, together):
        images, grads = x[start : start + together], grad[start : start + together]
        # (n, H, W, C) -> (1, nC, H, W)
        stacked = images.permute(1, 2, 0, 3).flatten(2).unsqueeze(0).permute(0, 3, 1, 2)
        kernels = grads.permute(0, 3, 1, 2).flatten(0, 1).unsqueeze(1)  # (n, H', W', C) -> (nC, 1, H', W')
        # Neighbouring taps lie ``dilation`` cells apart, so the correlation with the gradient is wanted at that stride.
        taps = F.conv2d(stacked, kernels, None, dilation, padding, groups=stacked.shape[1])  # (1, nC, k, k)
        total += taps.unflatten(1, (-1, c)).sum((0, 1), dtype=total.dtype)
    return total.to(x.dtype).unsqueeze(1)  # (C, k, k) -> (C, 1, k, k)


@weight_gradient.register_fake
def _(x: Tensor, grad: Tensor, padding: int, dilation: int) -> Tensor:
    side = _taps(x, grad, padding, dilation)
    return x.new_empty(x.shape[-1], 1, side, side)


def _taps(x: Tensor, grad: Tensor, padding: int, dilation: int) -> int:
    """Return k, the side of the kernels with which ``x`` became a map of the size of ``grad``."""
    return (x.shape[1] + 2 * padding - grad.shape[1]) // dilation + 1

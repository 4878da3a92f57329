"""Depthwise convolution of stride 1: of whole maps, and of packed cells, which are written into whole maps for it.

The forward pass is PyTorch's. So is the gradient of the input on a CPU: a convolution with the kernel turned by half a
circle, which oneDNN runs as fast as the forward pass. The gradient of the weight,

    dW[c, i, j] = sum over images n and cells (y, x) of  in[n, c, y + i - p, x + j - p] * grad[n, c, y, x],

is itself a depthwise convolution of one image with its own gradient as the (large) kernel; that is several times
faster than oneDNN's weight gradient (what it gains in all: ``masked_dense_kernels`` in ``benchmarks/README.md``). On
other devices, and where a gradient of the gradient is wanted, both gradients are PyTorch's own.

What follows is hidden from the compiler in operators. It would keep the maps of zeros that packed cells are written
into for the backward pass; and on a GPU it would copy all maps to the layout of the weight's gradient and back.

Shape letters: N images, H x W cells, C channels, k x k taps, R packed cells of all images.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.flop_counter import register_flop_formula

from cnxv2_mm.kernels.dispatch import autocast_type, may_be_differentiated_again
from cnxv2_mm.kernels.rows import scatter_rows

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
        inputs = (grad.contiguous(), x, weight, *ctx.geometry, [needs_x, needs_weight])
        if may_be_differentiated_again():
            grad_x, grad_weight = _gradients_by_pytorch(*inputs)
        else:
            grad_x, grad_weight = _depthwise_backward(*inputs)
        return (
            grad_x if needs_x else None,
            grad_weight if needs_weight else None,
            grad.flatten(0, 2).sum(0) if needs_bias else None,
            None,
            None,
        )


class _PackedDepthwise(torch.autograd.Function):
    """See :func:`packed_depthwise`."""

    @staticmethod
    def forward(
        ctx: Any, rows: Tensor, places: Tensor, size: tuple[int, int, int], weight: Tensor, bias: Tensor | None
    ) -> Tensor:
        ctx.save_for_backward(rows, places, weight)
        ctx.size = size
        return _packed_depthwise(rows, places, size, weight, bias)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        rows, places, weight = ctx.saved_tensors
        needs_rows, _, _, needs_weight, needs_bias = ctx.needs_input_grad
        inputs = (grad.contiguous(), rows, places, ctx.size, weight, [needs_rows, needs_weight])
        if may_be_differentiated_again():
            grad_rows, grad_weight = _packed_gradients(*inputs)
        else:
            grad_rows, grad_weight = _packed_depthwise_backward(*inputs)
        return (
            grad_rows if needs_rows else None,
            None,
            None,
            grad_weight if needs_weight else None,
            grad.sum(0) if needs_bias else None,
        )


def _as_autocast(x: Tensor, weight: Tensor, bias: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """Return the parameters in the type in which autocast, where it is on, has a convolution run."""
    dtype = autocast_type(x)
    if dtype is None:
        return weight, bias
    return weight.to(dtype), None if bias is None else bias.to(dtype)


def _convolve(x: Tensor, weight: Tensor, bias: Tensor | None, padding: int, dilation: int) -> Tensor:
    """Apply PyTorch's depthwise convolution to (N, H, W, C) maps."""
    y = F.conv2d(x.permute(0, 3, 1, 2), weight, bias, 1, padding, dilation, groups=weight.shape[0])
    y = y.permute(0, 2, 3, 1)
    # torch 2.11 compiles an autograd.Function that ends in a copy of nothing to one without gradients.
    return y if y.is_contiguous() else y.contiguous()


@torch.library.custom_op("cnxv2_mm::depthwise_backward", mutates_args=())
def _depthwise_backward(
    grad: Tensor, x: Tensor, weight: Tensor, padding: int, dilation: int, needed: Sequence[bool]
) -> tuple[Tensor, Tensor]:
    """Return the gradients of the input, (N, H, W, C), and of the weight, each empty unless it is needed.

    Args:
        grad: The gradient of the result, (N, H', W', C).
        x: The input; not read unless the weight's gradient is needed.
        weight: The kernels.
        padding: Number of zeros on each side.
        dilation: Cells between neighbouring taps.
        needed: Whether the gradient of the input is needed, and whether that of the weight is.
    """
    grad_x: Tensor | None = None
    grad_weight: Tensor | None = None
    if grad.device.type == "cpu":
        if needed[0]:
            opposite = dilation * (weight.shape[-1] - 1) - padding
            grad_x = _convolve(grad, weight.flip(2, 3), None, opposite, dilation)
        if needed[1]:
            grad_weight = _with_strides_of(weight, weight_gradient(x, grad, padding, dilation))
    else:
        grad_x, grad_weight = _gradients_by_pytorch(grad, x, weight, padding, dilation, needed)
    nothing = grad.new_empty(0)
    return nothing if grad_x is None else grad_x, nothing if grad_weight is None else grad_weight


@_depthwise_backward.register_fake
def _(
    grad: Tensor, x: Tensor, weight: Tensor, padding: int, dilation: int, needed: Sequence[bool]
) -> tuple[Tensor, Tensor]:
    n, h, w, c = grad.shape
    less = 2 * padding - dilation * (weight.shape[-1] - 1)
    grad_x = grad.new_empty(n, h - less, w - less, c) if needed[0] else grad.new_empty(0)
    return grad_x, torch.empty_like(weight) if needed[1] else grad.new_empty(0)


@torch.library.custom_op("cnxv2_mm::packed_depthwise", mutates_args=())
def _packed_depthwise(rows: Tensor, places: Tensor, size: Sequence[int], weight: Tensor, bias: Tensor | None) -> Tensor:
    """Return the convolved cells, (R, C)."""
    n, h, w = size
    y = _convolve(scatter_rows(rows, places, (n, h, w)), weight, bias, weight.shape[-1] // 2, 1)
    return y.flatten(0, 2).index_select(0, places)


@_packed_depthwise.register_fake
def _(rows: Tensor, places: Tensor, size: Sequence[int], weight: Tensor, bias: Tensor | None) -> Tensor:
    return torch.empty_like(rows)


@torch.library.custom_op("cnxv2_mm::packed_depthwise_backward", mutates_args=())
def _packed_depthwise_backward(
    grad: Tensor, rows: Tensor, places: Tensor, size: Sequence[int], weight: Tensor, needed: Sequence[bool]
) -> tuple[Tensor, Tensor]:
    """Return the gradients of the cells, (R, C), and of the weight, each empty unless it is needed."""
    n, h, w = size
    grad_map = scatter_rows(grad, places, (n, h, w))
    x = scatter_rows(rows, places, (n, h, w)) if needed[1] else grad_map
    grad_x, grad_weight = _depthwise_backward(grad_map, x, weight, weight.shape[-1] // 2, 1, needed)
    return grad_x.flatten(0, 2).index_select(0, places) if needed[0] else grad_x, grad_weight


@_packed_depthwise_backward.register_fake
def _(
    grad: Tensor, rows: Tensor, places: Tensor, size: Sequence[int], weight: Tensor, needed: Sequence[bool]
) -> tuple[Tensor, Tensor]:
    grad_rows = torch.empty_like(rows) if needed[0] else grad.new_empty(0)
    return grad_rows, torch.empty_like(weight) if needed[1] else grad.new_empty(0)


@register_flop_formula(torch.ops.cnxv2_mm.packed_depthwise)
def _packed_flops(
    rows: torch.Size, places: torch.Size, size: Sequence[int], weight: torch.Size, *_: Any, **__: Any
) -> int:
    """Return the multiplications and additions over the whole maps, as PyTorch counts those of a convolution."""
    n, h, w = size
    return 2 * n * h * w * math.prod(weight)


@register_flop_formula(torch.ops.cnxv2_mm.packed_depthwise_backward)
def _packed_backward_flops(
    grad: torch.Size,
    rows: torch.Size,
    places: torch.Size,
    size: Sequence[int],
    weight: torch.Size,
    needed: Sequence[bool],
    *_: Any,
    **__: Any,
) -> int:
    """Return those of each gradient that is needed."""
    return sum(needed) * _packed_flops(rows, places, size, weight)


@register_flop_formula(torch.ops.cnxv2_mm.depthwise_backward)
def _backward_flops(
    grad: torch.Size,
    x: torch.Size,
    weight: torch.Size,
    padding: int,
    dilation: int,
    needed: Sequence[bool],
    *_: Any,
    **__: Any,
) -> int:
    """Return those of each gradient that is needed."""
    n, h, w, _channels = grad
    return sum(needed) * 2 * n * h * w * math.prod(weight)


def _packed_gradients(
    grad: Tensor, rows: Tensor, places: Tensor, size: tuple[int, int, int], weight: Tensor, needed: Sequence[bool]
) -> tuple[Tensor | None, Tensor | None]:
    """Return the gradients of the cells and of the weight as functions that have derivatives in turn."""
    grad_map, x = scatter_rows(grad, places, size), scatter_rows(rows, places, size)
    grad_x, grad_weight = _gradients_by_pytorch(grad_map, x, weight, weight.shape[-1] // 2, 1, needed)
    return grad_x.flatten(0, 2).index_select(0, places) if grad_x is not None else None, grad_weight


def _gradients_by_pytorch(
    grad: Tensor, x: Tensor, weight: Tensor, padding: int, dilation: int, needed: Sequence[bool]
) -> tuple[Tensor | None, Tensor | None]:
    """Return what :func:`_depthwise_backward` does, by PyTorch's operator, which has derivatives in turn."""
    grad_x, grad_weight, _ = torch.ops.aten.convolution_backward(
        grad.permute(0, 3, 1, 2),
        x.permute(0, 3, 1, 2),
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
    return (
        grad_x.permute(0, 2, 3, 1).contiguous() if grad_x is not None else None,
        _with_strides_of(weight, grad_weight) if grad_weight is not None else None,
    )


def _with_strides_of(weight: Tensor, gradient: Tensor) -> Tensor:
    """Give a weight's gradient the strides of the weight, even that of its one input channel, which means nothing.

    DistributedDataParallel compares all strides and warns.
    """
    return torch.empty_like(weight).copy_(gradient)


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


def _taps(x: Tensor, grad: Tensor, padding: int, dilation: int) -> int:
    """Return k, the side of the kernels with which ``x`` became a map of the size of ``grad``."""
    return (x.shape[1] + 2 * padding - grad.shape[1]) // dilation + 1

"""Depthwise convolution of stride 1: of whole maps, and of packed cells by way of the map.

The forward pass is PyTorch's. So is the gradient of the input on a CPU: a convolution with the kernel turned by half a
circle, which oneDNN runs as fast as the forward pass. The gradient of the weight,

    dW[c, i, j] = sum over images n and cells (y, x) of  in[n, c, y + i - p, x + j - p] * grad[n, c, y, x],

is itself a depthwise convolution of one image with its own gradient as the (large) kernel; that is several times
faster than oneDNN's weight gradient (what it gains in all: ``masked_dense_kernels`` in ``benchmarks/README.md``). On
other devices, and where a gradient of the gradient is wanted, both gradients are PyTorch's own.

Shape letters: N images, H x W cells, C channels, k x k taps, R packed cells of all images.
"""

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx
from torch.nn import functional as F

from cnxv2_mm.kernels.eligible import wants_more_derivatives

# Elements of a map whose weight gradient a CPU takes at a time: 1 MB in float32, a core's second-level cache.
CACHED_ELEMENTS = 2**18


def depthwise(x: Tensor, weight: Tensor, bias: Tensor | None, padding: int, dilation: int = 1) -> Tensor:
    """Convolves every channel of a map with its own kernel.

    Args:
        x: (N, H, W, C), contiguous: the (N, C, H, W) view is channels last.
        weight: (C, 1, k, k).
        bias: (C,) or None.
        padding: Zeros on each side; the map keeps its size where this is ``dilation * (k - 1) / 2``.
        dilation: Cells between neighbouring taps.

    Returns:
        (N, H', W', C), contiguous.
    """
    weight, bias = _as_autocast(x, weight, bias)
    return _Depthwise.apply(x.to(weight.dtype), weight, bias, padding, dilation)


def packed_depthwise(
    rows: Tensor, places: Tensor, size: tuple[int, int, int], weight: Tensor, bias: Tensor | None
) -> Tensor:
    """Convolves maps of which only some cells are there, the others being zero; keeps nothing else for the backward.

    Args:
        rows: (R, C): the cells that are there.
        places: (R,): where each is among the N * H * W cells; no place twice.
        size: (N, H, W).
        weight: (C, 1, k, k), k odd.
        bias: (C,) or None.

    Returns:
        (R, C): the convolved map at the same places.
    """
    weight, bias = _as_autocast(rows, weight, bias)
    return _PackedDepthwise.apply(rows.to(weight.dtype), places, size, weight, bias)


def scatter_rows(rows: Tensor, places: Tensor, size: tuple[int, int, int]) -> Tensor:
    """Write (R, C) cells to their places in (N, H, W, C) maps of zeros."""
    n, h, w = size
    return rows.new_zeros(n * h * w, rows.shape[1]).index_copy_(0, places, rows).view(n, h, w, rows.shape[1])


class _Depthwise(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: FunctionCtx, x: Tensor, weight: Tensor, bias: Tensor | None, padding: int, dilation: int
    ) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.geometry = padding, dilation
        return _convolve(x, weight, bias, padding, dilation)

    @staticmethod
    def backward(ctx: FunctionCtx, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        needs_x, needs_weight, needs_bias = ctx.needs_input_grad[:3]
        grad = grad.contiguous()
        grad_x, grad_weight = _gradients(x, grad, weight, *ctx.geometry, (needs_x, needs_weight))
        return grad_x, grad_weight, grad.flatten(0, 2).sum(0) if needs_bias else None, None, None


class _PackedDepthwise(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: FunctionCtx, rows: Tensor, places: Tensor, size: tuple[int, int, int], weight: Tensor, bias: Tensor | None
    ) -> Tensor:
        ctx.save_for_backward(rows, places, weight)
        ctx.size = size
        y = _convolve(scatter_rows(rows, places, size), weight, bias, weight.shape[-1] // 2, 1)
        return y.flatten(0, 2).index_select(0, places)

    @staticmethod
    def backward(ctx: FunctionCtx, grad: Tensor) -> tuple[Tensor | None, ...]:
        rows, places, weight = ctx.saved_tensors
        needs_rows, _, _, needs_weight, needs_bias = ctx.needs_input_grad
        x = scatter_rows(rows, places, ctx.size) if needs_weight else None
        grad_map = scatter_rows(grad.contiguous(), places, ctx.size)
        grad_x, grad_weight = _gradients(x, grad_map, weight, weight.shape[-1] // 2, 1, (needs_rows, needs_weight))
        grad_rows = grad_x.flatten(0, 2).index_select(0, places) if needs_rows else None
        return grad_rows, None, None, grad_weight, grad.sum(0) if needs_bias else None


def _as_autocast(x: Tensor, weight: Tensor, bias: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """Return the parameters in the type in which autocast, where it is on, has a convolution run."""
    device = x.device.type
    if device == "meta" or not torch.is_autocast_enabled(device):
        return weight, bias
    dtype = torch.get_autocast_dtype(device)
    return weight.to(dtype), None if bias is None else bias.to(dtype)


def _convolve(x: Tensor, weight: Tensor, bias: Tensor | None, padding: int, dilation: int) -> Tensor:
    y = F.conv2d(x.permute(0, 3, 1, 2), weight, bias, 1, padding, dilation, groups=weight.shape[0])
    return y.permute(0, 2, 3, 1).contiguous()


def _gradients(
    x: Tensor | None, grad: Tensor, weight: Tensor, padding: int, dilation: int, needed: tuple[bool, bool]
) -> tuple[Tensor | None, Tensor | None]:
    """Gradients of the input, (N, H, W, C), and of the weight, where they are needed.

    The weight's has the strides of the weight, that of its one input channel too, which means nothing but is compared
    by DistributedDataParallel.
    """
    grad_x = grad_weight = None
    if grad.device.type == "cpu" and not wants_more_derivatives():
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
        grad_x = grad_x.permute(0, 2, 3, 1).contiguous() if needed[0] else None
    return grad_x, torch.empty_like(weight).copy_(grad_weight) if needed[1] else None


@torch.library.custom_op("cnxv2_mm::depthwise_weight_gradient", mutates_args=())
def weight_gradient(x: Tensor, grad: Tensor, padding: int, dilation: int) -> Tensor:
    """Gradient of a depthwise kernel from (N, H, W, C) maps and the (N, H', W', C) gradients of the results.

    Returns:
        (C, 1, k, k).
    """
    n, h, w, c = x.shape
    side = _taps(x, grad, padding, dilation)
    total = x.new_zeros(c, side, side, dtype=torch.promote_types(x.dtype, torch.float32))
    # Images so small that a call for each would cost more than its arithmetic go together, side by side as channels.
    together = max(1, CACHED_ELEMENTS // (h * w * c))
    for start in range(0, n, together):
        images, grads = x[start : start + together], grad[start : start + together]
        wide = images.permute(1, 2, 0, 3).flatten(2).unsqueeze(0).permute(0, 3, 1, 2)  # (n, H, W, C) -> (1, nC, H, W)
        kernels = grads.permute(0, 3, 1, 2).flatten(0, 1).unsqueeze(1)  # (n, H', W', C) -> (nC, 1, H', W')
        # Neighbouring taps lie ``dilation`` cells apart, so the correlation with the gradient is wanted at that stride.
        taps = F.conv2d(wide, kernels, None, dilation, padding, groups=wide.shape[1])  # (1, nC, k, k)
        total += taps.unflatten(1, (-1, c)).sum((0, 1), dtype=total.dtype)
    return total.to(x.dtype).unsqueeze(1)  # (C, k, k) -> (C, 1, k, k)


@weight_gradient.register_fake
def _(x: Tensor, grad: Tensor, padding: int, dilation: int) -> Tensor:
    side = _taps(x, grad, padding, dilation)
    return x.new_empty(x.shape[-1], 1, side, side)


def _taps(x: Tensor, grad: Tensor, padding: int, dilation: int) -> int:
    """Taps along the side of the kernel that made ``grad``'s map from that of ``x``."""
    return (x.shape[1] + 2 * padding - grad.shape[1]) // dilation + 1

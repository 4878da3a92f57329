"""Depthwise 7 x 7 convolution of the packed layout's cells where they are, without a map: Triton's, for GPUs.

The cells are stored tile by tile, and a table says which tile lies at which place of an image (``tiles.py``). Hidden
tiles are neither stored nor read; to the convolution they are zeros, as is what lies outside of the image.

The gradient of the input is the convolution of the gradient with the kernel turned by half a circle. The gradient of
the weight is summed in float32, first by parts, which are then added, so that it is the same in every run. Where a
gradient of the gradient is wanted, :func:`cnxv2_mm.kernels.depthwise.packed_depthwise` takes over.

Each operator here is one launch of a program in ``gpu/tile_depthwise.py``.

Shape letters: N images, T tiles each, h x w places for tiles, S x S cells of a tile, M = T * S * S, C channels.
"""

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import register_flop_formula

from cnxv2_mm.kernels.depthwise import packed_depthwise
from cnxv2_mm.kernels.dispatch import autocast_type, may_be_differentiated_again
from cnxv2_mm.kernels.higher_derivatives import differentiable_gradients
from cnxv2_mm.kernels.tiles import Tiles

# Partial sums of a weight gradient: at most 2 MB of them, each of at least so many rows of tiles.
MOST_PARTIAL_SUMS = 2**19
FEWEST_ROWS = 128


def fits(conv: nn.Conv2d) -> bool:
    """Whether a convolution is one that :func:`tile_depthwise` computes, but for the number of its channels."""
    geometry = (conv.kernel_size, conv.stride, conv.padding, conv.dilation, conv.padding_mode)
    return geometry == ((7, 7), (1, 1), (3, 3), (1, 1), "zeros")


def tile_depthwise(x: Tensor, tiles: Tiles, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Convolve every channel of the images' maps, zero where hidden, with a kernel of its own; padding is 3.

    Args:
        x: The visible cells, (N, M, C): the cells of a tile follow one another, in Morton order. Their type is one of
            ``dispatch.TRITON_TYPES``, or autocast is on.
        tiles: Where the tiles lie.
        weight: The kernels, (C, 1, 7, 7).
        bias: What is added to each channel, (C,), or None.

    Returns:
        The convolved maps at the same cells, (N, M, C), in the type of the weight or, where autocast is on, in that of
        autocast, to which x is rounded; the weight and the bias are not, and become float32.
    """
    cells = x.to(autocast_type(x) or weight.dtype).contiguous()
    return _TileDepthwise.apply(cells, tiles.numbers, tiles.positions, tiles.side, weight, bias)


class _TileDepthwise(torch.autograd.Function):
    """See :func:`tile_depthwise`."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, numbers: Tensor, positions: Tensor, side: int, weight: Tensor, bias: Tensor | None
    ) -> Tensor:
        taps = weight.new_empty(49, weight.shape[0], dtype=torch.float32).copy_(weight.flatten(1).t())
        ctx.save_for_backward(x, numbers, positions, weight, bias, taps)
        ctx.side = side
        return convolve_tiles(x, numbers, positions, taps, bias, side, turned=False)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, numbers, positions, weight, bias, taps = ctx.saved_tensors
        if may_be_differentiated_again():
            grad_x, grad_weight, grad_bias = differentiable_gradients(
                partial(_by_maps, tiles=Tiles(ctx.side, numbers, positions)), grad, (x, weight, bias)
            )
            return grad_x, None, None, None, grad_weight, grad_bias
        needs_x, _, _, _, needs_weight, needs_bias = ctx.needs_input_grad
        grad_x, grad_weight, grad_bias = None, None, None
        grad = grad.contiguous()
        if needs_x:
            grad_x = convolve_tiles(grad, numbers, positions, taps, None, ctx.side, turned=True)
        if needs_weight:
            parts = tile_weight_gradient(x, numbers, positions, grad, ctx.side, _chunks(positions, ctx.side, x))
            grad_weight, grad_bias = add_weight_gradients(parts, weight)
            grad_bias = grad_bias.to(bias.dtype) if needs_bias else None
        elif needs_bias:
            grad_bias = grad.sum((0, 1), dtype=torch.float32).to(bias.dtype)
        return grad_x, None, None, None, grad_weight, grad_bias


def _by_maps(x: Tensor, weight: Tensor, bias: Tensor | None, tiles: Tiles) -> Tensor:
    """Return the result by way of whole maps, by operations that have derivatives of every order."""
    n, h, w = tiles.numbers.shape
    size = (n, h * tiles.side, w * tiles.side)
    parameters = weight.to(x.dtype), None if bias is None else bias.to(x.dtype)
    return packed_depthwise(x.flatten(0, 1), tiles.places(), size, *parameters).view_as(x)


def _chunks(positions: Tensor, side: int, x: Tensor) -> int:
    """Return the number of partial sums: it depends on shapes alone, so that results do not depend on the card."""
    return max(1, min(positions.numel() * side // FEWEST_ROWS, MOST_PARTIAL_SUMS // (50 * x.shape[2])))


@torch.library.custom_op("cnxv2_mm::convolve_tiles", mutates_args=())
def convolve_tiles(
    x: Tensor, numbers: Tensor, positions: Tensor, taps: Tensor, bias: Tensor | None, side: int, turned: bool
) -> Tensor:
    """Convolve (N, M, C) cells with kernels, (49, C) in float32, which may be turned by half a circle."""
    from cnxv2_mm.kernels.gpu import tile_depthwise

    return tile_depthwise.convolve(x, numbers, positions, taps, bias, side, turned)


@convolve_tiles.register_fake
def _(
    x: Tensor, numbers: Tensor, positions: Tensor, taps: Tensor, bias: Tensor | None, side: int, turned: bool
) -> Tensor:
    return torch.empty_like(x)


@torch.library.custom_op("cnxv2_mm::tile_weight_gradient", mutates_args=())
def tile_weight_gradient(x: Tensor, numbers: Tensor, positions: Tensor, grad: Tensor, side: int, chunks: int) -> Tensor:
    """Return parts of the gradients of kernels and, last, of the bias: (chunks, 50, C) in float32, to be added."""
    from cnxv2_mm.kernels.gpu import tile_depthwise

    return tile_depthwise.weight_gradient(x, numbers, positions, grad, side, chunks)


@tile_weight_gradient.register_fake
def _(x: Tensor, numbers: Tensor, positions: Tensor, grad: Tensor, side: int, chunks: int) -> Tensor:
    return x.new_empty(chunks, 50, x.shape[2], dtype=torch.float32)


@torch.library.custom_op("cnxv2_mm::add_tile_weight_gradients", mutates_args=())
def add_weight_gradients(parts: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Add the parts, (chunks, 50, C), up to the gradients of the weight and of the bias.

    That of the weight has all strides of the weight, for DistributedDataParallel: see ``depthwise.py``.
    """
    from cnxv2_mm.kernels.gpu import tile_depthwise

    grad_weight, grad_bias = torch.empty_like(weight), weight.new_empty(weight.shape[0])
    tile_depthwise.add_parts(parts, grad_weight, grad_bias)
    return grad_weight, grad_bias


@add_weight_gradients.register_fake
def _(parts: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    return torch.empty_like(weight), weight.new_empty(weight.shape[0])


@register_flop_formula([torch.ops.cnxv2_mm.convolve_tiles, torch.ops.cnxv2_mm.tile_weight_gradient])
def _flops(x: torch.Size, *_: Any, **__: Any) -> int:
    """Return multiplications and additions of 49 taps a cell, for PyTorch's counters; hidden cells count as any."""
    return 2 * 49 * x.numel()

"""Layer norm over the channels: Triton's, for GPUs, in the type of autocast.

Under autocast PyTorch's layer norm on a GPU takes and returns float32: a map is copied to float32 and normalised, and
the next layer copies it back. Here statistics and arithmetic are float32 inside of the program; what is read and
written is in half precision, rounded once. The backward pass reads the map and its gradient once for all gradients.

Only the input and the parameters are kept for the backward pass: mean and variance are computed again from rows that
are read anyway. The gradients of the parameters are summed in float32, first by parts, which are then added, so that
they are the same in every run. Where a gradient of the gradient is wanted, ``F.layer_norm`` takes over.

Each operator here is one launch of a program in ``gpu/layer_norm.py``.

Shape letters: R rows (all dimensions but the last), C channels, P parts of the rows.
"""

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cnxv2_mm.kernels.dispatch import (
    TRITON_TYPES,
    autocast_type,
    may_be_differentiated_again,
    may_bypass,
    runs_triton,
)
from cnxv2_mm.kernels.higher_derivatives import differentiable_gradients

MOST_CHANNELS = 4096  # that a program holds in registers
# Partial sums of the parameters' gradients: as many programs as an H100's 132 processors run at a time, but
# no fewer rows each.
MOST_PARTS = 3 * 132
FEWEST_ROWS = 32


def layer_norm(x: Tensor, norm: nn.LayerNorm) -> Tensor:
    """Apply a layer norm.

    Args:
        x: Any shape whose last dimension is that of the norm.
        norm: The module; it is called where our Triton kernels do not run, where it is hooked or replaced, where it is
            not an affine one over at most ``MOST_CHANNELS`` channels, and for maps in compiled code.

    Returns:
        The shape of x; its type or, where autocast is on and our kernels run, that of autocast.
    """
    if _is_left_to_compiler(x) or not (may_bypass((norm, nn.LayerNorm)) and runs_triton(x) and _fits(norm, x)):
        return norm(x)
    return _LayerNorm.apply(x.contiguous(), norm.weight, norm.bias, norm.eps, autocast_type(x) or x.dtype)


def _is_left_to_compiler(x: Tensor) -> bool:
    """Whether x is a map, (N, H, W, C), in compiled code, where the norm is fused with the bias of a convolution.

    Packed cells come from an operator of ours, into which the compiler cannot look.
    """
    return torch.compiler.is_compiling() and x.ndim > 3


def _fits(norm: nn.LayerNorm, x: Tensor) -> bool:
    """Whether the norm is one that the programs compute, and fits x: if not, PyTorch says what is wrong."""
    if norm.weight is None or norm.bias is None:
        return False
    types = norm.weight.dtype in TRITON_TYPES and norm.bias.dtype in TRITON_TYPES
    return types and tuple(norm.normalized_shape) == x.shape[-1:] and x.shape[-1] <= MOST_CHANNELS


class _LayerNorm(torch.autograd.Function):
    """See :func:`layer_norm`."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, eps: float, dtype: torch.dtype) -> Tensor:
        ctx.save_for_backward(x, weight, bias)
        ctx.eps = eps
        return normalise(x, weight, bias, eps, dtype)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, bias = ctx.saved_tensors
        if may_be_differentiated_again():
            plainly = partial(_plainly, eps=ctx.eps, dtype=grad.dtype)
            return *differentiable_gradients(plainly, grad, (x, weight, bias)), None, None
        needs_x, needs_weight, needs_bias, _, _ = ctx.needs_input_grad
        grad_x, parts = normalise_backward(grad.contiguous(), x, weight, ctx.eps)
        grad_weight, grad_bias = None, None
        if needs_weight or needs_bias:
            grad_weight, grad_bias = add_parts(parts, weight, bias)
        return (
            grad_x if needs_x else None,
            grad_weight if needs_weight else None,
            grad_bias if needs_bias else None,
            None,
            None,
        )


def _plainly(x: Tensor, weight: Tensor, bias: Tensor, eps: float, dtype: torch.dtype) -> Tensor:
    """Return the norm by PyTorch's operation, which has derivatives of every order."""
    return F.layer_norm(x.float(), x.shape[-1:], weight.float(), bias.float(), eps).to(dtype)


@torch.library.custom_op("cnxv2_mm::layer_norm", mutates_args=())
def normalise(x: Tensor, weight: Tensor, bias: Tensor, eps: float, dtype: torch.dtype) -> Tensor:
    """Return the layer norm of contiguous rows, (..., C), in ``dtype``."""
    from cnxv2_mm.kernels.gpu import layer_norm

    y = torch.empty_like(x, dtype=dtype)
    layer_norm.forward(x, weight, bias, eps, y)
    return y


@normalise.register_fake
def _(x: Tensor, weight: Tensor, bias: Tensor, eps: float, dtype: torch.dtype) -> Tensor:
    return torch.empty_like(x, dtype=dtype)


@torch.library.custom_op("cnxv2_mm::layer_norm_backward", mutates_args=())
def normalise_backward(grad: Tensor, x: Tensor, weight: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    """Return the gradient of x, and parts of those of weight and bias: (P, 2, C) in float32, to be added."""
    from cnxv2_mm.kernels.gpu import layer_norm

    grad_x, parts = _new_gradients(grad, x, weight, eps)
    layer_norm.backward(grad, x, weight, eps, grad_x, parts)
    return grad_x, parts


@normalise_backward.register_fake
def _new_gradients(grad: Tensor, x: Tensor, weight: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    channels = x.shape[-1]
    return torch.empty_like(x), x.new_empty(num_parts(x.numel() // channels), 2, channels, dtype=torch.float32)


@torch.library.custom_op("cnxv2_mm::add_layer_norm_gradients", mutates_args=())
def add_parts(parts: Tensor, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """Add the parts, (P, 2, C), up to the gradients of weight and bias."""
    from cnxv2_mm.kernels.gpu import layer_norm

    grad_weight, grad_bias = torch.empty_like(weight), torch.empty_like(bias)
    layer_norm.add_parts(parts, grad_weight, grad_bias)
    return grad_weight, grad_bias


@add_parts.register_fake
def _(parts: Tensor, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    return torch.empty_like(weight), torch.empty_like(bias)


def num_parts(rows: int) -> int | torch.SymInt:
    """Return P, in how many parts the gradients of R rows are summed.

    The number may be a symbol of the compiler; nothing here asks for its value.
    """
    return torch.sym_max(1, torch.sym_min(MOST_PARTS, -(-rows // FEWEST_ROWS)))

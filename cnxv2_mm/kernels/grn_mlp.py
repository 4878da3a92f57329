"""The MLP of a ConvNeXt V2 block, linear - GELU - GRN - linear, as one operation.

GRN is written here a second time: where this operation runs (:mod:`cnxv2_mm.kernels.dispatch`),
``cnxv2_mm.layers.GRN.forward`` is not called, and the two have to compute the same. ``tests/kernels/test_grn_mlp.py``
compares them.

With h = y W1' + b1, g = gelu(h) and, per image and channel, s = 1 + gamma * r, where r is GRN's relative norm of g
(``cnxv2_mm.layers.GRN``), the result is

    out = (s * g + beta) W2' + b2.

The backward pass keeps y, h and the norms, two fifths of what PyTorch's plain operations keep, and computes g anew.
With G the gradient with respect to s * g + beta,

    ds = sum over an image's cells of G * g        dgamma = sum over images of ds * r        dbeta = sum of G
    dn = gamma * ds / m - sum over channels(gamma * ds * n) / (D m^2)      n the norms, m their mean + eps
    dg = s * G + g * dn / n                        dh = dg * gelu'(h)

Where more derivatives are wanted (forward mode, gradients of gradients), PyTorch's plain operations take over
(:mod:`cnxv2_mm.kernels.plain_grn_mlp`). On a GPU on which Triton runs it is another operation of the same formulas
(:mod:`cnxv2_mm.kernels.grn_mlp_on_gpu`).

On a CPU, the images are treated in groups small enough for the cache, where a chain of elementwise operations takes a
fraction of the time that it takes in memory (``benchmarks/speed/results/profiles``).

Shape letters: N images, M cells each, C channels, D = 4 C hidden channels.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import register_flop_formula

from cnxv2_mm.kernels.dispatch import autocast_type, in_forward_mode, may_be_differentiated_again, runs_triton
from cnxv2_mm.kernels.grn_mlp_on_gpu import GRNMLPOnGPU
from cnxv2_mm.kernels.higher_derivatives import differentiable_gradients
from cnxv2_mm.kernels.plain_grn_mlp import plain_grn_mlp
from cnxv2_mm.kernels.products import add_product, linear, multiply

# Elements of the hidden layer that a CPU treats at a time: 4 MB in float32, which the next operation finds in a cache.
CACHED_ELEMENTS = 2**20


def grn_mlp(
    y: Tensor, weight1: Tensor, bias1: Tensor, gamma: Tensor, beta: Tensor, weight2: Tensor, bias2: Tensor, eps: float
) -> Tensor:
    """Linear, GELU, GRN over all cells of each image, linear.

    Args:
        y: The cells, (N, ..., C): those of an image are all dimensions between the first and the last.
        weight1: Weight of the first linear layer, (D, C).
        bias1: Bias of the first linear layer, (D,).
        gamma: GRN's scale, (D,).
        beta: GRN's shift, (D,).
        weight2: Weight of the second linear layer, (C, D).
        bias2: Bias of the second linear layer, (C,).
        eps: What GRN adds to the mean of the norms.

    Returns:
        The result in the shape of y, in the type of y or, where autocast is on, in that of autocast. The norms are
        computed in float32 or better.
    """
    dtype = autocast_type(y)
    cells = y.flatten(1, -2).to(dtype or y.dtype)
    if runs_triton(cells) and not in_forward_mode():
        out = GRNMLPOnGPU.apply(cells, weight1, bias1, gamma, beta, weight2, bias2, eps)
        return out.view(*y.shape[:-1], out.shape[-1])
    if dtype is not None:
        weight1, bias1, weight2 = (t.to(dtype) for t in (weight1, bias1, weight2))
    inputs = (cells, weight1, bias1, gamma, beta, weight2, bias2.to(cells.dtype), eps)
    out = plain_grn_mlp(*inputs) if in_forward_mode() else _grn_mlp(*inputs)[0]
    return out.view(*y.shape[:-1], out.shape[-1])


def _in_groups(h: Tensor, *dtypes: torch.dtype) -> Iterator[tuple[slice, list[Tensor]]]:
    """Split N images into groups whose hidden layers fit into a CPU's cache; on other devices, all are one group.

    Args:
        h: The hidden layers of all images, (N, M, D).
        dtypes: The types of the buffers that are wanted.

    Yields:
        The slice of each group's images, and buffers of these types, each large enough for the group's hidden layers.
        All groups get the same memory: it is in the cache already, and the system is not asked for more. There is
        always at least one group; without images it has none.
    """
    n, m, d = h.shape
    size = min(n, max(1, CACHED_ELEMENTS // (m * d))) if h.device.type == "cpu" else n
    buffers = [h.new_empty(size, m, d, dtype=dtype) for dtype in dtypes]
    for start in range(0, max(1, n), max(1, size)):
        yield slice(start, start + size), [buffer[: n - start] for buffer in buffers]


def _norms(g: Tensor, squares: Tensor | None, dtype: torch.dtype) -> Tensor:
    """Return the norms of the channels of each image, (n, 1, D), for whose squares a CPU uses a buffer in its cache."""
    if squares is None:
        return torch.linalg.vector_norm(g, dim=1, keepdim=True, dtype=dtype)
    squares = torch.square(g, out=squares) if g.dtype == dtype else squares.copy_(g).square_()
    return squares.sum(1, keepdim=True).sqrt_()


@torch.library.custom_op("cnxv2_mm::grn_mlp", mutates_args=())
def _grn_mlp(
    y: Tensor, weight1: Tensor, bias1: Tensor, gamma: Tensor, beta: Tensor, weight2: Tensor, bias2: Tensor, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Compute the result of (N, M, C) cells, with what the backward pass needs.

    Returns:
        The result (N, M, C), the hidden layer before GELU (N, M, D), and the norms of the one after it (N, 1, D).
    """
    h = linear(y, weight1, bias1)
    out = torch.empty_like(y)
    sum_dtype = torch.promote_types(h.dtype, torch.float32)
    norms = h.new_empty(h.shape[0], 1, h.shape[2], dtype=sum_dtype)
    shift = beta.to(h.dtype)
    for group, (g, *squares) in _in_groups(h, *((h.dtype, sum_dtype) if h.device.type == "cpu" else (h.dtype,))):
        torch.ops.aten.gelu.out(h[group], out=g)
        norm = _norms(g, squares[0] if squares else None, sum_dtype)
        norms[group] = norm
        scale = 1 + gamma * norm / (norm.mean(-1, keepdim=True) + eps)
        torch.addcmul(shift, g, scale.to(g.dtype), out=g)
        multiply(g, weight2.t(), out[group], bias2)
    return out, h, norms


@_grn_mlp.register_fake
def _(
    y: Tensor, weight1: Tensor, bias1: Tensor, gamma: Tensor, beta: Tensor, weight2: Tensor, bias2: Tensor, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    n, m, _ = y.shape
    sum_dtype = torch.promote_types(y.dtype, torch.float32)
    d = weight1.shape[0]
    return torch.empty_like(y), y.new_empty(n, m, d), y.new_empty(n, 1, d, dtype=sum_dtype)


@register_flop_formula(torch.ops.cnxv2_mm.grn_mlp)
def _forward_flops(y: torch.Size, weight1: torch.Size, *_: Any, **__: Any) -> int:
    """Return the multiplications and additions of the two matrix products, for PyTorch's counters."""
    return 2 * 2 * y.numel() * weight1[0]


@torch.library.custom_op("cnxv2_mm::grn_mlp_backward", mutates_args=())
def _grn_mlp_backward(
    grad: Tensor,
    y: Tensor,
    h: Tensor,
    norms: Tensor,
    weight1: Tensor,
    gamma: Tensor,
    beta: Tensor,
    weight2: Tensor,
    eps: float,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Return the gradients of y, weight1, bias1, gamma, beta, weight2 and bias2."""
    sum_dtype = norms.dtype
    grad = grad.contiguous()
    grad_y = torch.empty_like(y)
    grad_weight1: Tensor | None = None
    grad_weight2: Tensor | None = None
    grad_bias1, grad_gamma, grad_beta = (torch.zeros_like(gamma, dtype=sum_dtype) for _ in range(3))
    mean = norms.mean(-1, keepdim=True) + eps
    relative = norms / mean
    scale, shift = (1 + gamma * relative).to(h.dtype), beta.to(h.dtype)
    for group, (g, grad_g, product) in _in_groups(h, h.dtype, h.dtype, h.dtype):
        s, n, m = scale[group], norms[group], mean[group]
        torch.ops.aten.gelu.out(h[group], out=g)
        grad_weight2 = add_product(grad_weight2, grad[group], torch.addcmul(shift, g, s, out=product))
        multiply(grad[group], weight2, grad_g)  # with respect to s * g + beta
        grad_beta += _sum(grad_g, 0, 1)
        grad_s = _sum(torch.mul(grad_g, g, out=product), 1, keepdim=True).to(sum_dtype)  # (n, 1, D)
        grad_gamma += (grad_s * relative[group]).sum((0, 1))
        grad_r = grad_s * gamma
        grad_n = grad_r / m - (grad_r * n).sum(-1, keepdim=True) / (n.shape[-1] * m * m)
        # A channel that is zero all over an image has norm 0 and no influence: g is zero there too.
        grad_g.mul_(s).addcmul_(g, torch.where(n > 0, grad_n / n, 0).to(g.dtype))
        grad_h = torch.ops.aten.gelu_backward.grad_input(grad_g, h[group], grad_input=product)
        grad_bias1 += _sum(grad_h, 0, 1)
        grad_weight1 = add_product(grad_weight1, grad_h, y[group])
        multiply(grad_h, weight1, grad_y[group])
    assert grad_weight1 is not None  # there was at least one group
    assert grad_weight2 is not None
    return (
        grad_y,
        grad_weight1.to(y.dtype),
        grad_bias1.to(y.dtype),
        grad_gamma.to(gamma.dtype),
        grad_beta.to(beta.dtype),
        grad_weight2.to(y.dtype),
        _sum(grad, 0, 1).to(y.dtype),
    )


@_grn_mlp_backward.register_fake
def _(
    grad: Tensor,
    y: Tensor,
    h: Tensor,
    norms: Tensor,
    weight1: Tensor,
    gamma: Tensor,
    beta: Tensor,
    weight2: Tensor,
    eps: float,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    c, d = weight2.shape
    return (
        torch.empty_like(y),
        torch.empty_like(weight1),
        y.new_empty(d),
        torch.empty_like(gamma),
        torch.empty_like(beta),
        torch.empty_like(weight2),
        y.new_empty(c),
    )


@register_flop_formula(torch.ops.cnxv2_mm.grn_mlp_backward)
def _backward_flops(grad: torch.Size, y: torch.Size, h: torch.Size, *_: Any, **__: Any) -> int:
    """Return the multiplications and additions of the four matrix products of the backward pass."""
    return 4 * 2 * y.numel() * h[-1]


def _sum(x: Tensor, *dims: int, keepdim: bool = False) -> Tensor:
    """Sum in float32 or better.

    On a CPU, bfloat16 is summed in float32 as it is and the sum rounded; to name float32 would first copy all of ``x``.
    """
    bare = x.dtype == torch.bfloat16 and x.device.type == "cpu"
    return x.sum(dims, keepdim, dtype=None if bare else torch.promote_types(x.dtype, torch.float32))


def _save_for_backward(ctx: Any, inputs: tuple, output: tuple[Tensor, Tensor, Tensor]) -> None:
    *tensors, eps = inputs
    _, h, norms = output
    ctx.save_for_backward(*tensors, h, norms)
    ctx.eps = eps
    ctx.set_materialize_grads(False)  # h and the norms are for the backward pass alone


def _backward(ctx: Any, grad: Tensor | None, _h: None, _norms: None) -> tuple[Tensor | None, ...]:
    if grad is None:
        return (None,) * 8
    *inputs, h, norms = ctx.saved_tensors
    if may_be_differentiated_again():
        return *differentiable_gradients(partial(plain_grn_mlp, eps=ctx.eps), grad, inputs), None
    y, weight1, _, gamma, beta, weight2, _ = inputs
    return *_grn_mlp_backward(grad, y, h, norms, weight1, gamma, beta, weight2, ctx.eps), None


_grn_mlp.register_autograd(_backward, setup_context=_save_for_backward)

"""The MLP of a ConvNeXt V2 block, linear - GELU - GRN - linear, as one operation.

With h = y W1' + b1, g = gelu(h) and, per image and channel, s = 1 + gamma * r, where r is GRN's relative norm of g
(``cnxv2_mm.layers.GRN``), the result is

    out = (s * g + beta) W2' + b2  =  (s * g) W2' + (W2 beta + b2),

so beta costs a matrix-vector product. The backward pass keeps y, h and the norms, two fifths of what the composition of
PyTorch's operations keeps, and computes g anew. With G the gradient with respect to s * g,

    ds = sum over an image's cells of G * g        dgamma = sum over images of ds * r
    dn = gamma * ds / m - sum over channels(gamma * ds * n) / (D m^2)      n the norms, m their mean + eps
    dg = s * G + g * dn / n                        dh = dg * gelu'(h)

Where more derivatives are wanted (forward mode, gradients of gradients), the composition takes over.

On a CPU, images go through in groups small enough for the cache, where the chain of elementwise operations takes a
fraction of its time (``benchmarks/speed/results/profiles``).

Shape letters: N images, M cells each, C channels, D = 4 C hidden channels.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx
from torch.nn import functional as F
from torch.utils.flop_counter import register_flop_formula

from cnxv2_mm.kernels.eligible import in_forward_mode, wants_more_derivatives

# Elements of the hidden layer that a CPU treats at a time: 4 MB in float32, which the next operation finds in a cache.
CACHED_ELEMENTS = 2**20


def grn_mlp(
    y: Tensor, weight1: Tensor, bias1: Tensor, gamma: Tensor, beta: Tensor, weight2: Tensor, bias2: Tensor, eps: float
) -> Tensor:
    """Linear, GELU, GRN over all cells of each image, linear.

    Args:
        y: (N, ..., C): the cells of an image lie between the first and the last dimension.
        weight1: (D, C), with ``bias1`` (D,).
        gamma: (D,), GRN's scale, and ``beta`` (D,), its shift.
        weight2: (C, D), with ``bias2`` (C,).
        eps: Added to the mean of the norms.

    Returns:
        The shape of y, in y's type or in that of autocast. The norms are taken in float32 or better.
    """
    device = y.device.type
    if device != "meta" and torch.is_autocast_enabled(device):
        dtype = torch.get_autocast_dtype(device)
        y, weight1, bias1, weight2 = (t.to(dtype) for t in (y, weight1, bias1, weight2))
    bias = torch.addmv(bias2, weight2.to(bias2.dtype), beta).to(y.dtype)
    inputs = (y.flatten(1, -2), weight1, bias1, gamma, weight2, bias, eps)
    out = _compose(*inputs) if in_forward_mode() else _grn_mlp(*inputs)[0]
    return out.view(*y.shape[:-1], out.shape[-1])


def _compose(
    y: Tensor, weight1: Tensor, bias1: Tensor, gamma: Tensor, weight2: Tensor, bias: Tensor, eps: float
) -> Tensor:
    """Return the result by PyTorch's own operations, which have every derivative."""
    g = F.gelu(F.linear(y, weight1, bias1))
    norm = torch.linalg.vector_norm(g, dim=1, keepdim=True, dtype=torch.promote_types(g.dtype, torch.float32))
    scale = 1 + gamma * norm / (norm.mean(-1, keepdim=True) + eps)
    return F.linear(g * scale.to(g.dtype), weight2, bias)


def _in_groups(h: Tensor, *dtypes: torch.dtype) -> Iterator[tuple[slice, list[Tensor]]]:
    """Split N images so that the hidden layers of a group fit into the cache; on other devices, all are one group.

    Yields each group with buffers of these types for its hidden layers. The next gets the same memory: it is in the
    cache already, and the system is not asked for it again.
    """
    n, m, d = h.shape
    size = min(n, max(1, CACHED_ELEMENTS // (m * d))) if h.device.type == "cpu" else n
    buffers = [h.new_empty(size, m, d, dtype=dtype) for dtype in dtypes]
    for start in range(0, max(1, n), max(1, size)):  # without images: one group without any
        yield slice(start, start + size), [buffer[: n - start] for buffer in buffers]


def _square(x: Tensor, out: Tensor) -> Tensor:
    """Squares in the type of ``out``."""
    return torch.square(x, out=out) if x.dtype == out.dtype else out.copy_(x).square_()


@torch.library.custom_op("cnxv2_mm::grn_mlp", mutates_args=())
def _grn_mlp(
    y: Tensor, weight1: Tensor, bias1: Tensor, gamma: Tensor, weight2: Tensor, bias: Tensor, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    """(N, M, C) cells to the result (N, M, C), the hidden layer (N, M, D) before GELU, and its norms (N, 1, D)."""
    h = F.linear(y, weight1, bias1)
    out = torch.empty_like(y)
    wide = torch.promote_types(h.dtype, torch.float32)
    norms = h.new_empty(h.shape[0], 1, h.shape[2], dtype=wide)
    for group, (g, squares) in _in_groups(h, h.dtype, wide):
        torch.ops.aten.gelu.out(h[group], out=g)
        norm = _square(g, squares).sum(1, keepdim=True).sqrt_()
        norms[group] = norm
        g *= (1 + gamma * norm / (norm.mean(-1, keepdim=True) + eps)).to(g.dtype)
        torch.addmm(bias, g.flatten(0, 1), weight2.t(), out=out[group].flatten(0, 1))
    return out, h, norms


@_grn_mlp.register_fake
def _(
    y: Tensor, weight1: Tensor, bias1: Tensor, gamma: Tensor, weight2: Tensor, bias: Tensor, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    n, m, _ = y.shape
    wide = torch.promote_types(y.dtype, torch.float32)
    d = weight1.shape[0]
    return torch.empty_like(y), y.new_empty(n, m, d), y.new_empty(n, 1, d, dtype=wide)


@register_flop_formula(torch.ops.cnxv2_mm.grn_mlp)
def _operations(y: torch.Size, weight1: torch.Size, *_: Any, **__: Any) -> int:
    """Multiplications and additions of the two matrix products, for PyTorch's counters."""
    return 2 * 2 * y.numel() * weight1[0]


@torch.library.custom_op("cnxv2_mm::grn_mlp_backward", mutates_args=())
def _grn_mlp_backward(
    grad: Tensor, y: Tensor, h: Tensor, norms: Tensor, weight1: Tensor, gamma: Tensor, weight2: Tensor, eps: float
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Gradients of y, weight1, bias1, gamma, weight2 and bias."""
    wide = norms.dtype
    grad = grad.contiguous()
    grad_y = torch.empty_like(y)
    grad_weight1 = grad_weight2 = None
    grad_bias1, grad_gamma = (torch.zeros_like(gamma, dtype=wide) for _ in range(2))
    mean = norms.mean(-1, keepdim=True) + eps
    relative = norms / mean
    scale = (1 + gamma * relative).to(h.dtype)
    for group, (g, grad_g, product) in _in_groups(h, h.dtype, h.dtype, h.dtype):
        s, n, m = scale[group], norms[group], mean[group]
        torch.ops.aten.gelu.out(h[group], out=g)
        grad_weight2 = _add_product(grad_weight2, grad[group], torch.mul(g, s, out=product), wide)
        torch.mm(grad[group].flatten(0, 1), weight2, out=grad_g.flatten(0, 1))  # with respect to s * g
        grad_s = torch.mul(grad_g, g, out=product).sum(1, keepdim=True, dtype=wide)  # (n, 1, D)
        grad_gamma += (grad_s * relative[group]).sum((0, 1))
        grad_r = grad_s * gamma
        grad_n = grad_r / m - (grad_r * n).sum(-1, keepdim=True) / (n.shape[-1] * m * m)
        # A channel that is zero all over an image has norm 0 and no influence: g is zero there too.
        grad_g.mul_(s).addcmul_(g, torch.where(n > 0, grad_n / n, 0).to(g.dtype))
        grad_h = torch.ops.aten.gelu_backward.grad_input(grad_g, h[group], grad_input=product)
        grad_bias1 += grad_h.sum((0, 1), dtype=wide)
        grad_weight1 = _add_product(grad_weight1, grad_h, y[group], wide)
        torch.mm(grad_h.flatten(0, 1), weight1, out=grad_y[group].flatten(0, 1))
    grad_bias = grad.sum((0, 1), dtype=wide)
    return (
        grad_y,
        grad_weight1.to(y.dtype),
        grad_bias1.to(y.dtype),
        grad_gamma.to(gamma.dtype),
        grad_weight2.to(y.dtype),
        grad_bias.to(y.dtype),
    )


@_grn_mlp_backward.register_fake
def _(
    grad: Tensor, y: Tensor, h: Tensor, norms: Tensor, weight1: Tensor, gamma: Tensor, weight2: Tensor, eps: float
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    c, d = weight2.shape
    return (
        torch.empty_like(y),
        torch.empty_like(weight1),
        y.new_empty(d),
        torch.empty_like(gamma),
        torch.empty_like(weight2),
        y.new_empty(c),
    )


@register_flop_formula(torch.ops.cnxv2_mm.grn_mlp_backward)
def _backward_operations(grad: torch.Size, y: torch.Size, h: torch.Size, *_: Any, **__: Any) -> int:
    """Return the same of the four matrix products of the backward pass."""
    return 4 * 2 * y.numel() * h[-1]


def _add_product(total: Tensor | None, left: Tensor, right: Tensor, wide: torch.dtype) -> Tensor:
    """Add left' right, summed over images and cells, to a total of the type ``wide``, if there is one yet."""
    left, right = left.flatten(0, 1).t(), right.flatten(0, 1)
    if total is None:
        return torch.mm(left, right).to(wide)
    return total.addmm_(left, right) if total.dtype == left.dtype else total.add_(left @ right)


def _keep(ctx: FunctionCtx, inputs: tuple, output: tuple[Tensor, Tensor, Tensor]) -> None:
    *tensors, eps = inputs
    _, h, norms = output
    ctx.save_for_backward(*tensors, h, norms)
    ctx.eps = eps
    ctx.set_materialize_grads(False)  # h and the norms are for the backward pass alone


def _backward(ctx: FunctionCtx, grad: Tensor | None, _h: None, _norms: None) -> tuple[Tensor | None, ...]:
    if grad is None:
        return (None,) * 7
    *inputs, h, norms = ctx.saved_tensors
    if wants_more_derivatives():
        return *_gradients_of_composition(grad, inputs, ctx.eps), None
    y, weight1, _, gamma, weight2, _ = inputs
    return *_grn_mlp_backward(grad, y, h, norms, weight1, gamma, weight2, ctx.eps), None


def _gradients_of_composition(grad: Tensor, inputs: list[Tensor], eps: float) -> list[Tensor | None]:
    """Return the gradients once more, as functions of ``grad`` and of the inputs."""
    with torch.enable_grad():
        views = [t.view_as(t) for t in inputs]  # an input may depend on another one, but their views do not
        out = _compose(*views, eps)
    needed = [view for view in views if view.requires_grad]
    gradients = iter(torch.autograd.grad(out, needed, grad, create_graph=True))
    return [next(gradients) if view.requires_grad else None for view in views]


_grn_mlp.register_autograd(_backward, setup_context=_keep)

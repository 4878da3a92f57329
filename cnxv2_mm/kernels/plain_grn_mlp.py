"""The MLP of a ConvNeXt V2 block by PyTorch's operations, which have derivatives of every order.

Where more derivatives than the first are wanted (forward mode, gradients of gradients), they stand in for the
operations that were written for speed.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F


def plain_grn_mlp(
    y: Tensor, weight1: Tensor, bias1: Tensor, gamma: Tensor, beta: Tensor, weight2: Tensor, bias2: Tensor, eps: float
) -> Tensor:
    """Return the result of (N, M, C) cells, in their type: linear, GELU, GRN, linear."""
    weight1, bias1, beta, weight2, bias2 = (t.to(y.dtype) for t in (weight1, bias1, beta, weight2, bias2))
    g = F.gelu(F.linear(y, weight1, bias1))
    norm = torch.linalg.vector_norm(g, dim=1, keepdim=True, dtype=torch.promote_types(g.dtype, torch.float32))
    scale = 1 + gamma * norm / (norm.mean(-1, keepdim=True) + eps)
    return F.linear(torch.addcmul(beta, g, scale.to(g.dtype)), weight2, bias2)


def differentiable_gradients(
    function: Callable[..., Tensor], grad: Tensor, inputs: Sequence[Tensor]
) -> list[Tensor | None]:
    """Return the gradients of ``function(*inputs)`` as functions of ``grad`` and of the inputs.

    Each has derivatives in turn; an input that requires no gradient has None.
    """
    with torch.enable_grad():
        views = [t.view_as(t) for t in inputs]  # an input may depend on another one, but their views do not
        out = function(*views)
    needed = [view for view in views if view.requires_grad]
    gradients = iter(torch.autograd.grad(out, needed, grad, create_graph=True))
    return [next(gradients) if view.requires_grad else None for view in views]

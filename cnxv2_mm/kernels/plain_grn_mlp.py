"""The MLP of a ConvNeXt V2 block by PyTorch's operations, which have derivatives of every order.

Where more derivatives than the first are wanted (forward mode, gradients of gradients), they stand in for the
operations that were written for speed.
"""

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

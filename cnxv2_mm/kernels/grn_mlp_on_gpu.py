"""The MLP of a ConvNeXt V2 block on a GPU: PyTorch's matrix products, and our GELU and GRN between them.

:func:`cnxv2_mm.kernels.grn_mlp.grn_mlp` uses it where ``cnxv2_mm.kernels.dispatch.runs_triton`` says so. The compiler
sees every operation, and ours (:mod:`cnxv2_mm.kernels.gelu_grn`) are one launch each. Beta is not folded into a bias
here: adding it costs nothing where the scale is applied, nor does its gradient, a sum over a map that is read anyway.

How often the maps with D channels are written or read: the hidden layer four times forward, once by each product and
twice by GELU and GRN, which write the activation and leave it to the second product. Backward, GELU and GRN read it and
the gradient of the activation twice, and write the gradient of the hidden layer and the activation anew; the products
write one map and read three. Kept for the backward pass: the cells, the hidden layer before GELU, norms and scales.
"""

from functools import partial
from typing import Any

import torch
from torch import Tensor

from cnxv2_mm.kernels import gelu_grn
from cnxv2_mm.kernels.dispatch import may_be_differentiated_again
from cnxv2_mm.kernels.higher_derivatives import differentiable_gradients
from cnxv2_mm.kernels.plain_grn_mlp import plain_grn_mlp


@torch.library.custom_op("cnxv2_mm::cast_parameters", mutates_args=())
def cast_parameters(
    weight1: Tensor, bias1: Tensor, weight2: Tensor, bias2: Tensor, dtype: torch.dtype
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return the parameters of two linear layers in another type, by one launch."""
    from cnxv2_mm.kernels.gpu import small_tensors

    parameters = [each.contiguous() for each in (weight1, bias1, weight2, bias2)]
    out = _new_parameters(weight1, bias1, weight2, bias2, dtype)
    small_tensors.cast(parameters, list(out))
    return out


@cast_parameters.register_fake
def _new_parameters(
    weight1: Tensor, bias1: Tensor, weight2: Tensor, bias2: Tensor, dtype: torch.dtype
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    new1, shift1, new2, shift2 = (each.new_empty(each.shape, dtype=dtype) for each in (weight1, bias1, weight2, bias2))
    return new1, shift1, new2, shift2


class GRNMLPOnGPU(torch.autograd.Function):
    """See :func:`cnxv2_mm.kernels.grn_mlp.grn_mlp`.

    Its cells are (N, M, C) here and have the type in which to compute; the parameters are cast to it.
    """

    @staticmethod
    def forward(
        ctx: Any,
        y: Tensor,
        weight1: Tensor,
        bias1: Tensor,
        gamma: Tensor,
        beta: Tensor,
        weight2: Tensor,
        bias2: Tensor,
        eps: float,
    ) -> Tensor:
        n, m, _ = y.shape
        parameters = (weight1, bias1, weight2, bias2)
        if any(parameter.dtype != y.dtype for parameter in parameters):
            parameters = cast_parameters(*parameters, y.dtype)
        cast1, shift1, cast2, shift2 = parameters
        h = torch.addmm(shift1, y.flatten(0, 1), cast1.t()).view(n, m, weight1.shape[0])
        norms, scale = gelu_grn.scale(gelu_grn.square_sums(h), gamma, eps)
        a = gelu_grn.apply(h, scale, beta)
        ctx.save_for_backward(y, weight1, bias1, gamma, beta, weight2, bias2, cast1, cast2, h, norms, scale)
        ctx.eps = eps
        return torch.addmm(shift2, a.flatten(0, 1), cast2.t()).view_as(y)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        *inputs, cast1, cast2, h, norms, scale = ctx.saved_tensors
        y, weight1, bias1, gamma, beta, weight2, bias2 = inputs
        if may_be_differentiated_again():
            return *differentiable_gradients(partial(plain_grn_mlp, eps=ctx.eps), grad, inputs), None
        needs_y, needs_weight1, _, _, _, needs_weight2, _, _ = ctx.needs_input_grad
        grad = grad.contiguous()
        rows = grad.flatten(0, 1)
        grad_a = (rows @ cast2).view_as(h)
        grad_s, grad_beta = gelu_grn.product_sums(grad_a, h)
        coefficient, grad_gamma = gelu_grn.scale_backward(grad_s, norms, gamma, ctx.eps)
        grad_h, a, grad_bias1 = gelu_grn.apply_backward(grad_a, h, scale, beta, coefficient)
        grad_h, a = grad_h.flatten(0, 1), a.flatten(0, 1)
        vectors = gelu_grn.vector_sums(grad_gamma, grad_beta, grad_bias1, gelu_grn.cell_sums(grad))
        grad_gamma, grad_beta, grad_bias1, grad_bias2 = (
            gradient.to(vector.dtype) for gradient, vector in zip(vectors, (gamma, beta, bias1, bias2), strict=True)
        )
        return (
            (grad_h @ cast1).view_as(y) if needs_y else None,
            _product(grad_h.t(), y.flatten(0, 1), weight1.dtype) if needs_weight1 else None,
            grad_bias1,
            grad_gamma,
            grad_beta,
            _product(rows.t(), a, weight2.dtype) if needs_weight2 else None,
            grad_bias2,
            None,
        )


def _product(left: Tensor, right: Tensor, dtype: torch.dtype) -> Tensor:
    """Multiply two matrices; the result is a ``dtype``, of which a GPU's product writes float32 without a detour."""
    if left.device.type == "cuda" and dtype == torch.float32 != left.dtype and hasattr(torch.ops.aten.mm, "dtype"):
        return torch.mm(left, right, out_dtype=dtype)
    return (left @ right).to(dtype)

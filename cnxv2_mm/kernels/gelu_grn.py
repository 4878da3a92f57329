"""GELU and GRN, forward and backward, as operators that are one launch of a Triton program each.

With g = gelu(h) (the exact one, by erf), n the norms of its channels over an image, m their mean + eps, r = n / m and
s = 1 + gamma * r, the forward pass is three launches: :func:`square_sums`, :func:`scale`, and :func:`apply` for
a = s * g + beta.

So is the backward pass, with G the gradient with respect to a: :func:`product_sums` for ds, the gradient of s,
:func:`scale_backward` for k = dn / n, and :func:`apply_backward` for dh = (s * G + k * g) * gelu'(h). The last writes a
once more, which a following linear layer needs for the gradient of its weight: computed anew, it need not be kept. What
each image, or part of one, adds to the gradients of vectors :func:`vector_sums` adds up, in one more launch.

The maps h, a, G and dh have one type, that of the hidden layer; sums, norms, scales and coefficients are float32, and
so is all arithmetic. Sums over the cells of an image are made in parts, and how many depends on the shape alone: the
results are the same in every run. Where the operators may be called, ``cnxv2_mm.kernels.dispatch.runs_triton`` says.

Shape letters: N images, M cells each, D channels, P parts of an image.
"""

import torch
from torch import Tensor

# How many (image, part, channel) sums a GPU is to be given, unless the parts become shorter than FEWEST_ROWS. A program
# computes 64 of them: four programs for each of an H100's 132 processors.
WANTED_SUMS = 4 * 132 * 64
FEWEST_ROWS = 32


def num_parts(n: int, m: int, d: int) -> int | torch.SymInt:
    """Return P, how many parts the M cells of each of N images are summed in: more for few images of few channels.

    The numbers may be symbols of the compiler; nothing here asks for their values.
    """
    wanted = -(-WANTED_SUMS // torch.sym_max(1, n * d))
    return torch.sym_max(1, torch.sym_min(wanted, -(-m // FEWEST_ROWS)))


def _new_sums(x: Tensor) -> Tensor:
    n, m, d = x.shape
    return x.new_empty(n, num_parts(n, m, d), d, dtype=torch.float32)


def _new_map(h: Tensor, *_: object) -> Tensor:
    return torch.empty_like(h, memory_format=torch.contiguous_format)


def _new_pair_of_sums(x: Tensor, *_: object) -> tuple[Tensor, Tensor]:
    return _new_sums(x), _new_sums(x)


def _new_pair_of_vectors(sums: Tensor, *_: object) -> tuple[Tensor, Tensor]:
    n, _parts, d = sums.shape
    return sums.new_empty(n, d), sums.new_empty(n, d)


@torch.library.custom_op("cnxv2_mm::cell_sums", mutates_args=())
def cell_sums(x: Tensor) -> Tensor:
    """Sum over the cells of each part of an image, (N, M, D) to (N, P, D), in float32."""
    from cnxv2_mm.kernels.gpu import gelu_grn

    sums = _new_sums(x)
    gelu_grn.cell_sums(x.contiguous(), sums)
    return sums


cell_sums.register_fake(_new_sums)


@torch.library.custom_op("cnxv2_mm::gelu_square_sums", mutates_args=())
def square_sums(h: Tensor) -> Tensor:
    """Sum gelu(h)^2 over the cells of each part of an image, (N, M, D) to (N, P, D)."""
    from cnxv2_mm.kernels.gpu import gelu_grn

    sums = _new_sums(h)
    gelu_grn.square_sums(h.contiguous(), sums)
    return sums


square_sums.register_fake(_new_sums)


@torch.library.custom_op("cnxv2_mm::grn_scale", mutates_args=())
def scale(sums: Tensor, gamma: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    """Return the norms n and the scale s, (N, D) both, of square sums (N, P, D) and gamma (D,)."""
    from cnxv2_mm.kernels.gpu import small_tensors

    norms, scale = _new_pair_of_vectors(sums)
    small_tensors.scale(sums.contiguous(), gamma.contiguous(), eps, norms, scale)
    return norms, scale


scale.register_fake(_new_pair_of_vectors)


@torch.library.custom_op("cnxv2_mm::gelu_grn_apply", mutates_args=())
def apply(h: Tensor, scale: Tensor, beta: Tensor) -> Tensor:
    """Return a = s * gelu(h) + beta, (N, M, D), with the scale s of each image, (N, D), and beta, (D,)."""
    from cnxv2_mm.kernels.gpu import gelu_grn

    out = _new_map(h)
    gelu_grn.apply(h.contiguous(), scale.contiguous(), beta.contiguous(), out)
    return out


apply.register_fake(_new_map)


@torch.library.custom_op("cnxv2_mm::gelu_product_sums", mutates_args=())
def product_sums(grad: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
    """Sum G * gelu(h), and G, over the cells of each part of an image, (N, M, D) to (N, P, D)."""
    from cnxv2_mm.kernels.gpu import gelu_grn

    sums, grad_sums = _new_pair_of_sums(h)
    gelu_grn.product_sums(grad.contiguous(), h.contiguous(), sums, grad_sums)
    return sums, grad_sums


product_sums.register_fake(_new_pair_of_sums)


@torch.library.custom_op("cnxv2_mm::grn_scale_backward", mutates_args=())
def scale_backward(sums: Tensor, norms: Tensor, gamma: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    """Return the coefficient k and each image's share of gamma's gradient, (N, D) both.

    Args:
        sums: The sums of G * gelu(h), (N, P, D).
        norms: The norms of :func:`scale`, (N, D). Where one is 0, k is 0: such a channel has no influence.
        gamma: GRN's scale, (D,).
        eps: What GRN adds to the mean of the norms.
    """
    from cnxv2_mm.kernels.gpu import small_tensors

    sums, norms, gamma = sums.contiguous(), norms.contiguous(), gamma.contiguous()
    coefficient, grad_gamma = _new_pair_of_vectors(sums)
    small_tensors.scale_backward(sums, norms, gamma, eps, coefficient, grad_gamma)
    return coefficient, grad_gamma


scale_backward.register_fake(_new_pair_of_vectors)


@torch.library.custom_op("cnxv2_mm::gelu_grn_apply_backward", mutates_args=())
def apply_backward(
    grad: Tensor, h: Tensor, scale: Tensor, beta: Tensor, coefficient: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Return dh and a, (N, M, D), and the sums of dh over the cells of each part of an image, (N, P, D).

    Args:
        grad: G, the gradient with respect to a, (N, M, D).
        h: The hidden layer, (N, M, D).
        scale: The scale s, (N, D).
        beta: GRN's shift, (D,).
        coefficient: The coefficient k, (N, D).
    """
    from cnxv2_mm.kernels.gpu import gelu_grn

    grad_h, out, sums = _new_map(h), _new_map(h), _new_sums(h)
    grad, h, scale, beta, coefficient = (t.contiguous() for t in (grad, h, scale, beta, coefficient))
    gelu_grn.apply_backward(grad, h, scale, beta, coefficient, grad_h, out, sums)
    return grad_h, out, sums


@apply_backward.register_fake
def _(grad: Tensor, h: Tensor, scale: Tensor, beta: Tensor, coefficient: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    return _new_map(h), _new_map(h), _new_sums(h)


@torch.library.custom_op("cnxv2_mm::vector_sums", mutates_args=())
def vector_sums(gamma: Tensor, beta: Tensor, bias1: Tensor, bias2: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Add up the float32 parts of the gradients of four vectors: three (..., D) to (D,), one (..., C) to (C,)."""
    from cnxv2_mm.kernels.gpu import small_tensors

    sums = [each.contiguous() for each in (gamma, beta, bias1, bias2)]
    gradients = _new_vectors(*sums)
    small_tensors.vector_sums(sums, list(gradients))
    return gradients


@vector_sums.register_fake
def _new_vectors(gamma: Tensor, beta: Tensor, bias1: Tensor, bias2: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    grad_gamma, grad_beta, grad_bias1, grad_bias2 = (t.new_empty(t.shape[-1]) for t in (gamma, beta, bias1, bias2))
    return grad_gamma, grad_beta, grad_bias1, grad_bias2

"""What is done with small tensors, in Triton: of these the launches count, so each program does a whole step in one.

GRN's scale and its gradient take all channels of an image in one program. The others work on four tensors, of which a
program takes some channels or numbers: what was summed in parts is added up to the gradients of four vectors, and a
block's four parameters are cast. The other files add up their parts by :func:`sum_of_parts`, too. Blocks and warps are
guarded by ``tests/kernels/gpu/test_small_tensors.py``.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

# Partial sums that the program of an image loads at a time, and its warps: 32 numbers in each thread, or 16.
SUMMED_ELEMENTS = 8192
SUM_WARPS = 8
# The block of partial sums, parts by channels, of a program that adds up vectors.
PARTS = 64
CHANNELS = 64
VECTORS = 4
# Numbers that a program casts, and its warps: 32 in each thread.
CAST_ELEMENTS = 4096
CAST_WARPS = 4


@triton.jit
def sum_of_parts(
    sums: tl.tensor,
    channels: tl.tensor,
    d: tl.tensor,
    stride: tl.tensor,
    parts: tl.tensor,
    BLOCK_P: tl.constexpr,
    BLOCK_D: tl.constexpr,
) -> tl.tensor:
    """Return the sum of ``parts`` rows of d numbers, ``stride`` apart: (BLOCK_D,), 0 for channels that do not exist."""
    part = tl.arange(0, BLOCK_P)
    total = tl.zeros((BLOCK_P, BLOCK_D), tl.float32)
    for first in range(0, parts, BLOCK_P):
        inside = (first + part < parts)[:, None] & (channels < d)[None, :]
        places = (first + part).to(tl.int64)[:, None] * stride + channels[None, :]
        total += tl.load(sums + places, mask=inside, other=0.0)
    return tl.sum(total, 0)


@triton.jit
def scale_program(
    sums: tl.tensor,
    gamma: tl.tensor,
    norms: tl.tensor,
    scale: tl.tensor,
    d: tl.tensor,
    parts: tl.tensor,
    EPS: tl.constexpr,
    BLOCK_P: tl.constexpr,
    BLOCK_D: tl.constexpr,
) -> None:
    """Compute the norms of an image and GRN's scale."""
    image = tl.program_id(0).to(tl.int64)
    channels = tl.arange(0, BLOCK_D)
    exist = channels < d
    norm = tl.sqrt(sum_of_parts(sums + image * parts * d, channels, d, d, parts, BLOCK_P, BLOCK_D))
    factor = tl.load(gamma + channels, mask=exist, other=0.0).to(tl.float32)
    tl.store(norms + image * d + channels, norm, mask=exist)
    tl.store(scale + image * d + channels, 1 + factor * (norm / (tl.sum(norm, 0) / d + EPS)), mask=exist)


@triton.jit
def scale_backward_program(
    sums: tl.tensor,
    norms: tl.tensor,
    gamma: tl.tensor,
    coefficient: tl.tensor,
    grad_gamma: tl.tensor,
    d: tl.tensor,
    parts: tl.tensor,
    EPS: tl.constexpr,
    BLOCK_P: tl.constexpr,
    BLOCK_D: tl.constexpr,
) -> None:
    """Compute an image's coefficient of gelu(h) in the gradient, and its share of gamma's gradient."""
    image = tl.program_id(0).to(tl.int64)
    channels = tl.arange(0, BLOCK_D)
    exist = channels < d
    grad_s = sum_of_parts(sums + image * parts * d, channels, d, d, parts, BLOCK_P, BLOCK_D)
    norm = tl.load(norms + image * d + channels, mask=exist, other=0.0)
    factor = tl.load(gamma + channels, mask=exist, other=0.0).to(tl.float32)
    mean = tl.sum(norm, 0) / d + EPS
    grad_mean = tl.sum(grad_s * factor * norm, 0) / mean / mean / d
    tl.debug_barrier()  # norm and gamma are loaded again behind it: held in registers, those of huge would spill
    norm = tl.load(norms + image * d + channels, mask=exist, other=0.0)
    factor = tl.load(gamma + channels, mask=exist, other=0.0).to(tl.float32)
    grad_n = grad_s * factor / mean - grad_mean
    # A channel that is zero all over an image has norm 0 and no influence: gelu(h) is zero there too.
    divided = tl.where(norm > 0, grad_n / tl.where(norm > 0, norm, 1.0), 0.0)
    tl.store(coefficient + image * d + channels, divided, mask=exist)
    tl.store(grad_gamma + image * d + channels, grad_s * (norm / mean), mask=exist)


@triton.jit
def vector_sums_program(
    sums0: tl.tensor,
    sums1: tl.tensor,
    sums2: tl.tensor,
    sums3: tl.tensor,
    out0: tl.tensor,
    out1: tl.tensor,
    out2: tl.tensor,
    out3: tl.tensor,
    parts0: tl.tensor,
    parts1: tl.tensor,
    parts2: tl.tensor,
    parts3: tl.tensor,
    d: tl.tensor,
    d3: tl.tensor,
    BLOCK_P: tl.constexpr,
    BLOCK_D: tl.constexpr,
) -> None:
    """Add up the rows of some channels of one of four tensors, of which the last has other channels."""
    channels = tl.program_id(0) * BLOCK_D + tl.arange(0, BLOCK_D)
    vector = tl.program_id(1)
    if vector == 0:
        tl.store(out0 + channels, sum_of_parts(sums0, channels, d, d, parts0, BLOCK_P, BLOCK_D), mask=channels < d)
    elif vector == 1:
        tl.store(out1 + channels, sum_of_parts(sums1, channels, d, d, parts1, BLOCK_P, BLOCK_D), mask=channels < d)
    elif vector == 2:
        tl.store(out2 + channels, sum_of_parts(sums2, channels, d, d, parts2, BLOCK_P, BLOCK_D), mask=channels < d)
    else:
        tl.store(out3 + channels, sum_of_parts(sums3, channels, d3, d3, parts3, BLOCK_P, BLOCK_D), mask=channels < d3)


@triton.jit
def _cast(x: tl.tensor, out: tl.tensor, block: tl.tensor, size: tl.tensor, BLOCK: tl.constexpr) -> None:
    places = block * BLOCK + tl.arange(0, BLOCK)
    tl.store(out + places, tl.load(x + places, mask=places < size).to(out.dtype.element_ty), mask=places < size)


@triton.jit
def cast_program(
    x0: tl.tensor,
    x1: tl.tensor,
    x2: tl.tensor,
    x3: tl.tensor,
    out0: tl.tensor,
    out1: tl.tensor,
    out2: tl.tensor,
    out3: tl.tensor,
    size0: tl.tensor,
    size1: tl.tensor,
    size2: tl.tensor,
    size3: tl.tensor,
    BLOCK: tl.constexpr,
) -> None:
    """Cast some numbers of one of four tensors."""
    block0 = tl.program_id(0)
    block1 = block0 - tl.cdiv(size0, BLOCK)
    block2 = block1 - tl.cdiv(size1, BLOCK)
    block3 = block2 - tl.cdiv(size2, BLOCK)
    if block1 < 0:
        _cast(x0, out0, block0, size0, BLOCK)
    elif block2 < 0:
        _cast(x1, out1, block1, size1, BLOCK)
    elif block3 < 0:
        _cast(x2, out2, block2, size2, BLOCK)
    else:
        _cast(x3, out3, block3, size3, BLOCK)


def scale(sums: Tensor, gamma: Tensor, eps: float, norms: Tensor, scale: Tensor) -> None:
    """Fill ``norms`` and ``scale``, (N, D), from sums, (N, P, D)."""
    _launch(scale_program, (sums, gamma, norms, scale), sums, eps)


def scale_backward(
    sums: Tensor, norms: Tensor, gamma: Tensor, eps: float, coefficient: Tensor, grad_gamma: Tensor
) -> None:
    """Fill ``coefficient`` and ``grad_gamma``, (N, D)."""
    _launch(scale_backward_program, (sums, norms, gamma, coefficient, grad_gamma), sums, eps)


def vector_sums(sums: list[Tensor], out: list[Tensor]) -> None:
    """Fill four vectors, three (D,) and one (C,), from tensors (..., D) and (..., C)."""
    d, d3 = out[0].numel(), out[3].numel()
    parts = [each.numel() // each.shape[-1] for each in sums]
    with torch.cuda.device_of(sums[0]):
        vector_sums_program[triton.cdiv(max(d, d3), CHANNELS), VECTORS](
            *sums, *out, *parts, d, d3, PARTS, CHANNELS, num_warps=SUM_WARPS
        )


def cast(tensors: list[Tensor], out: list[Tensor]) -> None:
    """Fill four tensors with others of the same sizes."""
    sizes = [each.numel() for each in tensors]
    programs = sum(triton.cdiv(size, CAST_ELEMENTS) for size in sizes)
    with torch.cuda.device_of(tensors[0]):
        cast_program[(programs,)](*tensors, *out, *sizes, CAST_ELEMENTS, num_warps=CAST_WARPS)


def _launch(program: triton.JITFunction, tensors: tuple[Tensor, ...], sums: Tensor, eps: float) -> None:
    """Launch a program for each image of ``sums``, (N, P, D), the first of its tensors."""
    n, parts, d = sums.shape
    block = triton.next_power_of_2(d)
    warps = SUM_WARPS * max(1, 2 * block // SUMMED_ELEMENTS)
    if n:
        with torch.cuda.device_of(sums):
            program[(n,)](*tensors, d, parts, eps, max(1, SUMMED_ELEMENTS // block), block, num_warps=warps)

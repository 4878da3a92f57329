"""GELU and GRN in Triton: the programs that read the maps of cells. :mod:`cnxv2_mm.kernels.gelu_grn` has the formulas.

A program takes ``CHANNELS`` channels of some rows (cells) of one image, a block of rows at a time. Sums over rows stay
in its registers, one for each row and channel of a block, and are added up at the end. Nothing is added atomically: the
same input gives the same bits. Arithmetic is float32 whatever the type of the maps.

The sizes of blocks and the numbers of warps come from ptxas's figures, which ``tests/kernels/gpu/test_gelu_grn.py``
guards (registers, nothing spilled, loads of 16 bytes); on no GPU were they timed.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

ROWS = 32
BACKWARD_ROWS = 16  # of the program with the most maps
CHANNELS = 64
NUM_WARPS = 4
# Rows of a program that sums nothing: enough to load the scale once for.
APPLIED_ROWS = 4 * ROWS


@triton.jit
def _normal(x: tl.tensor) -> tl.tensor:
    """Return Phi(x), by which gelu(x) = x Phi(x), and exp(-x^2 / 2).

    Of a z >= 0, Phi(-z) = exp(-z^2 / 2) t P(t) with t = 1 / (1 + 0.285 z): the form of Abramowitz and Stegun's 7.1.26.
    P was fitted to SciPy's erfcx, by least squares whose weights grow where the error of gelu is largest; that stays
    below 3e-8, half a float32 unit of a number near 0.5. With an erf the programs compile to a third more instructions,
    and by calculation these, not the memory, bound the sums.
    """
    bell = tl.exp2(-0.7213475204444817 * x * x)
    t = 1 / (1 + 0.285 * tl.abs(x))
    p = 0.33124276758315624 - 0.09639000509698097 * t
    p = -0.15301328561711242 + p * t
    p = 0.21359992787592064 + p * t
    p = 0.08861292977440027 + p * t
    p = 0.1159476686943247 + p * t
    tail = p * t * bell
    return tl.where(x < 0, tail, 1 - tail), bell


@triton.jit
def _place(
    m: tl.tensor, d: tl.tensor, rows: tl.tensor, parts: tl.tensor, BLOCK_M: tl.constexpr, BLOCK_D: tl.constexpr
) -> tl.tensor:
    """Return what a program takes.

    Returns:
        Its image, its part among all images' parts, its first row and the one behind its last, the place of the first
        row, the channels, whether they exist, and the places of a block's numbers behind that of its first row.
        Neighbouring programs take neighbouring channels of the same rows.
    """
    blocks = tl.cdiv(d, BLOCK_D)
    program = tl.program_id(0)
    part = program // blocks
    image = (part // parts).to(tl.int64)
    channels = program % blocks * BLOCK_D + tl.arange(0, BLOCK_D)
    start = part % parts * rows
    places = tl.arange(0, BLOCK_M)[:, None] * d + channels[None, :]
    return image, part.to(tl.int64), start, tl.minimum(start + rows, m), (image * m + start) * d, channels, places


@triton.jit
def _load(maps: tl.tensor, places: tl.tensor, inside: tl.tensor) -> tl.tensor:
    return tl.load(maps + places, mask=inside, other=0.0).to(tl.float32)


@triton.jit
def _inside(first: tl.tensor, stop: tl.tensor, channels: tl.tensor, d: tl.tensor, BLOCK_M: tl.constexpr) -> tl.tensor:
    return (first + tl.arange(0, BLOCK_M) < stop)[:, None] & (channels < d)[None, :]


@triton.jit
def cell_sums_program(
    x: tl.tensor,
    sums: tl.tensor,
    m: tl.tensor,
    d: tl.tensor,
    rows: tl.tensor,
    parts: tl.tensor,
    BLOCK_M: tl.constexpr,
    BLOCK_D: tl.constexpr,
) -> None:
    """Sum x over the rows of a part of an image."""
    _image, part, start, stop, place, channels, places = _place(m, d, rows, parts, BLOCK_M, BLOCK_D)
    total = tl.zeros((BLOCK_M, BLOCK_D), tl.float32)
    for first in range(start, stop, BLOCK_M):
        total += _load(x + place, places, _inside(first, stop, channels, d, BLOCK_M))
        place += BLOCK_M * d
    tl.store(sums + part * d + channels, tl.sum(total, 0), mask=channels < d)


@triton.jit
def square_sums_program(
    h: tl.tensor,
    sums: tl.tensor,
    m: tl.tensor,
    d: tl.tensor,
    rows: tl.tensor,
    parts: tl.tensor,
    BLOCK_M: tl.constexpr,
    BLOCK_D: tl.constexpr,
) -> None:
    """Sum gelu(h)^2 over the rows of a part of an image."""
    _image, part, start, stop, place, channels, places = _place(m, d, rows, parts, BLOCK_M, BLOCK_D)
    total = tl.zeros((BLOCK_M, BLOCK_D), tl.float32)
    for first in range(start, stop, BLOCK_M):
        x = _load(h + place, places, _inside(first, stop, channels, d, BLOCK_M))
        phi, _bell = _normal(x)
        g = x * phi
        total += g * g
        place += BLOCK_M * d
    tl.store(sums + part * d + channels, tl.sum(total, 0), mask=channels < d)


@triton.jit
def apply_program(
    h: tl.tensor,
    scale: tl.tensor,
    beta: tl.tensor,
    out: tl.tensor,
    m: tl.tensor,
    d: tl.tensor,
    rows: tl.tensor,
    parts: tl.tensor,
    BLOCK_M: tl.constexpr,
    BLOCK_D: tl.constexpr,
) -> None:
    """Write s * gelu(h) + beta of the rows of a part of an image."""
    image, _part, start, stop, place, channels, places = _place(m, d, rows, parts, BLOCK_M, BLOCK_D)
    s = _load(scale + image * d, channels, channels < d)[None, :]
    shift = _load(beta, channels, channels < d)[None, :]
    for first in range(start, stop, BLOCK_M):
        inside = _inside(first, stop, channels, d, BLOCK_M)
        x = _load(h + place, places, inside)
        phi, _bell = _normal(x)
        tl.store(out + place + places, (s * (x * phi) + shift).to(out.dtype.element_ty), mask=inside)
        place += BLOCK_M * d


@triton.jit
def product_sums_program(
    grad: tl.tensor,
    h: tl.tensor,
    sums: tl.tensor,
    grad_sums: tl.tensor,
    m: tl.tensor,
    d: tl.tensor,
    rows: tl.tensor,
    parts: tl.tensor,
    BLOCK_M: tl.constexpr,
    BLOCK_D: tl.constexpr,
) -> None:
    """Sum G * gelu(h), and G, over the rows of a part of an image."""
    _image, part, start, stop, place, channels, places = _place(m, d, rows, parts, BLOCK_M, BLOCK_D)
    total = tl.zeros((BLOCK_M, BLOCK_D), tl.float32)
    grad_total = tl.zeros((BLOCK_M, BLOCK_D), tl.float32)
    for first in range(start, stop, BLOCK_M):
        inside = _inside(first, stop, channels, d, BLOCK_M)
        x = _load(h + place, places, inside)
        grad_a = _load(grad + place, places, inside)
        phi, _bell = _normal(x)
        total += grad_a * (x * phi)
        grad_total += grad_a
        place += BLOCK_M * d
    tl.store(sums + part * d + channels, tl.sum(total, 0), mask=channels < d)
    tl.store(grad_sums + part * d + channels, tl.sum(grad_total, 0), mask=channels < d)


@triton.jit
def apply_backward_program(
    grad: tl.tensor,
    h: tl.tensor,
    scale: tl.tensor,
    beta: tl.tensor,
    coefficient: tl.tensor,
    grad_h: tl.tensor,
    out: tl.tensor,
    sums: tl.tensor,
    m: tl.tensor,
    d: tl.tensor,
    rows: tl.tensor,
    parts: tl.tensor,
    BLOCK_M: tl.constexpr,
    BLOCK_D: tl.constexpr,
) -> None:
    """Write dh and s * gelu(h) + beta of the rows of a part of an image, and sum dh over them."""
    image, part, start, stop, place, channels, places = _place(m, d, rows, parts, BLOCK_M, BLOCK_D)
    s = _load(scale + image * d, channels, channels < d)[None, :]
    k = _load(coefficient + image * d, channels, channels < d)[None, :]
    shift = _load(beta, channels, channels < d)[None, :]
    total = tl.zeros((BLOCK_M, BLOCK_D), tl.float32)
    for first in range(start, stop, BLOCK_M):
        inside = _inside(first, stop, channels, d, BLOCK_M)
        x = _load(h + place, places, inside)
        phi, bell = _normal(x)
        g = x * phi
        tl.store(out + place + places, (s * g + shift).to(out.dtype.element_ty), mask=inside)
        slope = phi + x * bell * 0.3989422804014327  # gelu'; the number is 1 / sqrt(2 pi)
        product = (s * _load(grad + place, places, inside) + k * g) * slope  # 0 outside: G and g are
        tl.store(grad_h + place + places, product.to(grad_h.dtype.element_ty), mask=inside)
        total += product
        place += BLOCK_M * d
    tl.store(sums + part * d + channels, tl.sum(total, 0), mask=channels < d)


def cell_sums(x: Tensor, sums: Tensor) -> None:
    """Fill ``sums``, (N, P, D), from x, (N, M, D)."""
    _launch(cell_sums_program, (x, sums), x, ROWS, sums.shape[1])


def square_sums(h: Tensor, sums: Tensor) -> None:
    """Fill ``sums``, (N, P, D), from h, (N, M, D)."""
    _launch(square_sums_program, (h, sums), h, ROWS, sums.shape[1])


def apply(h: Tensor, scale: Tensor, beta: Tensor, out: Tensor) -> None:
    """Fill ``out``, (N, M, D)."""
    _launch(apply_program, (h, scale, beta, out), h, ROWS)


def product_sums(grad: Tensor, h: Tensor, sums: Tensor, grad_sums: Tensor) -> None:
    """Fill ``sums`` and ``grad_sums``, (N, P, D)."""
    _launch(product_sums_program, (grad, h, sums, grad_sums), h, ROWS, sums.shape[1])


def apply_backward(
    grad: Tensor,
    h: Tensor,
    scale: Tensor,
    beta: Tensor,
    coefficient: Tensor,
    grad_h: Tensor,
    out: Tensor,
    sums: Tensor,
) -> None:
    """Fill ``grad_h`` and ``out``, (N, M, D), and ``sums``, (N, P, D)."""
    tensors = (grad, h, scale, beta, coefficient, grad_h, out, sums)
    _launch(apply_backward_program, tensors, h, BACKWARD_ROWS, sums.shape[1])


def _launch(
    program: triton.JITFunction, tensors: tuple[Tensor, ...], x: Tensor, block: int, parts: int | None = None
) -> None:
    """Launch a program for each block of channels of each part of each image.

    Args:
        program: The program.
        tensors: Its tensors, contiguous.
        x: The one of them whose shape is (N, M, D).
        block: Rows that it takes at a time.
        parts: How many parts an image has; None leaves it to this function.
    """
    n, m, d = x.shape
    rows = block * triton.cdiv(triton.cdiv(m, parts), block) if parts else APPLIED_ROWS
    parts = parts or triton.cdiv(m, rows)
    programs = n * parts * triton.cdiv(d, CHANNELS)
    if programs:
        with torch.cuda.device_of(x):
            program[(programs,)](*tensors, m, d, rows, parts, block, CHANNELS, num_warps=NUM_WARPS)

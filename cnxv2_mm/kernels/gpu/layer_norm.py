"""Layer norm over the last dimension, and its gradients, in Triton.

A program treats a block of rows, which lie in registers from the reading to the writing: mean, variance and whatever
else is summed over a row cost no memory traffic. The channels are cut into at most three slices whose width is a power
of two, as that of every block is: three slices of 32 hold the 96 channels of tiny's first stage without a gap. In half
precision a thread reads 8 channels at a time, 16 bytes.

Numbers become float32 when they are read, and sums are float32. The variance is the mean square of the distances to the
mean, not a difference of two large numbers. The order of a sum follows from shapes alone, so the result is the same on
every card and in every run. So do the sizes of the blocks: they were chosen by the compiler's figures for compute
capabilities 8.0, 9.0 and 10.0.

Shape letters: R rows, C channels, P parts of the rows.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

from cnxv2_mm.kernels.gpu.small_tensors import sum_of_parts

MOST_SLICES = 3
NARROWEST_SLICE = 32
BLOCK = 1024  # numbers of a slice that a program treats at a time: 8 a thread
ADDED_PARTS, ADDED_CHANNELS = 32, 32  # of a sum of parts, that a program adds up at a time
LAUNCH = {"num_warps": 4, "num_stages": 1}


@triton.jit
def _read(
    x: tl.tensor, row: tl.tensor, exists: tl.tensor, C: tl.constexpr, WIDTH: tl.constexpr, SLICES: tl.constexpr
) -> tl.tensor:
    """Return the slices of rows in float32, zero where there are none."""
    slices = ()
    for k in tl.static_range(SLICES):
        channel = k * WIDTH + tl.arange(0, WIDTH)[None, :]
        if (k + 1) * WIDTH <= C:
            block = tl.load(x + row * C + channel, mask=exists, other=0)
        else:
            block = tl.load(x + row * C + channel, mask=exists & (channel < C), other=0)
        slices = slices + (block.to(tl.float32),)
    return slices


@triton.jit
def _write(
    y: tl.tensor,
    slices: tl.tensor,
    row: tl.tensor,
    exists: tl.tensor,
    C: tl.constexpr,
    WIDTH: tl.constexpr,
    SLICES: tl.constexpr,
) -> None:
    for k in tl.static_range(SLICES):
        channel = k * WIDTH + tl.arange(0, WIDTH)[None, :]
        block = slices[k].to(y.dtype.element_ty)
        if (k + 1) * WIDTH <= C:
            tl.store(y + row * C + channel, block, mask=exists)
        else:
            tl.store(y + row * C + channel, block, mask=exists & (channel < C))


@triton.jit
def _mean_product(a: tl.tensor, b: tl.tensor, C: tl.constexpr, SLICES: tl.constexpr) -> tl.tensor:
    """Return the means of products over the C channels, (rows, 1)."""
    total = a[0] * b[0]
    for k in tl.static_range(1, SLICES):
        total += a[k] * b[k]
    return tl.sum(total, 1, keep_dims=True) / C


@triton.jit
def _mean(a: tl.tensor, C: tl.constexpr, SLICES: tl.constexpr) -> tl.tensor:
    """Return the means over the C channels, (rows, 1)."""
    total = a[0]
    for k in tl.static_range(1, SLICES):
        total += a[k]
    return tl.sum(total, 1, keep_dims=True) / C


@triton.jit
def _standardise(
    x: tl.tensor, C: tl.constexpr, EPS: tl.constexpr, WIDTH: tl.constexpr, SLICES: tl.constexpr
) -> tl.tensor:
    """Return slices of mean 0 and variance 1, and what they were divided by, inverted, (rows, 1)."""
    mean = _mean(x, C, SLICES)
    centred = ()
    for k in tl.static_range(SLICES):
        if (k + 1) * WIDTH <= C:
            centred = centred + (x[k] - mean,)
        else:
            channel = k * WIDTH + tl.arange(0, WIDTH)[None, :]
            centred = centred + (tl.where(channel < C, x[k] - mean, 0.0),)
    scale = tl.rsqrt(_mean_product(centred, centred, C, SLICES) + EPS)
    standard = ()
    for k in tl.static_range(SLICES):
        standard = standard + (centred[k] * scale,)
    return standard, scale


@triton.jit
def _forward(
    x: tl.tensor,
    weight: tl.tensor,
    bias: tl.tensor,
    y: tl.tensor,
    rows: tl.tensor,
    C: tl.constexpr,
    EPS: tl.constexpr,
    ROWS: tl.constexpr,
    WIDTH: tl.constexpr,
    SLICES: tl.constexpr,
) -> None:
    row = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)[:, None]
    exists = row < rows
    standard, _ = _standardise(_read(x, row, exists, C, WIDTH, SLICES), C, EPS, WIDTH, SLICES)
    same = tl.zeros([ROWS, 1], tl.int64)  # each thread reads the parameters of its own channels
    weights = _read(weight, same, same == 0, C, WIDTH, SLICES)
    biases = _read(bias, same, same == 0, C, WIDTH, SLICES)
    result = ()
    for k in tl.static_range(SLICES):
        result = result + (standard[k] * weights[k] + biases[k],)
    _write(y, result, row, exists, C, WIDTH, SLICES)


@triton.jit
def _backward(
    grad: tl.tensor,
    x: tl.tensor,
    weight: tl.tensor,
    grad_x: tl.tensor,
    partial: tl.tensor,
    rows: tl.tensor,
    steps: tl.tensor,
    C: tl.constexpr,
    EPS: tl.constexpr,
    ROWS: tl.constexpr,
    WIDTH: tl.constexpr,
    SLICES: tl.constexpr,
) -> None:
    same = tl.zeros([ROWS, 1], tl.int64)  # each thread reads the parameters of its own channels
    weights = _read(weight, same, same == 0, C, WIDTH, SLICES)
    weight_totals, bias_totals = (), ()
    for _ in tl.static_range(SLICES):
        weight_totals = weight_totals + (tl.zeros([ROWS, WIDTH], tl.float32),)
        bias_totals = bias_totals + (tl.zeros([ROWS, WIDTH], tl.float32),)
    first = tl.program_id(0).to(tl.int64) * steps
    for step in range(steps):
        row = (first + step) * ROWS + tl.arange(0, ROWS)[:, None]
        exists = row < rows
        standard, scale = _standardise(_read(x, row, exists, C, WIDTH, SLICES), C, EPS, WIDTH, SLICES)
        grads = _read(grad, row, exists, C, WIDTH, SLICES)
        products, weight_sums, bias_sums = (), (), ()
        for k in tl.static_range(SLICES):
            products = products + (grads[k] * weights[k],)
            weight_sums = weight_sums + (weight_totals[k] + grads[k] * standard[k],)
            bias_sums = bias_sums + (bias_totals[k] + grads[k],)
        weight_totals, bias_totals = weight_sums, bias_sums
        mean = _mean(products, C, SLICES)
        slope = _mean_product(products, standard, C, SLICES)
        result = ()
        for k in tl.static_range(SLICES):
            result = result + ((products[k] - mean - standard[k] * slope) * scale,)
        _write(grad_x, result, row, exists, C, WIDTH, SLICES)
    weight_sums, bias_sums = (), ()
    for k in tl.static_range(SLICES):
        weight_sums = weight_sums + (tl.sum(weight_totals[k], 0, keep_dims=True),)
        bias_sums = bias_sums + (tl.sum(bias_totals[k], 0, keep_dims=True),)
    # All rows now have the sums, and the first one's threads write them: channels need not change their threads.
    row = tl.arange(0, ROWS)[:, None]
    part = tl.program_id(0) * 2 + row
    _write(partial, weight_sums, part, row == 0, C, WIDTH, SLICES)
    _write(partial, bias_sums, part + 1, row == 0, C, WIDTH, SLICES)


@triton.jit
def _add_parts(
    partial: tl.tensor,
    grad_weight: tl.tensor,
    grad_bias: tl.tensor,
    parts: tl.tensor,
    C: tl.constexpr,
    PARTS: tl.constexpr,
    CHANNELS: tl.constexpr,
) -> None:
    channel = tl.program_id(0) * CHANNELS + tl.arange(0, CHANNELS)
    vector = tl.program_id(1)
    total = sum_of_parts(partial + vector * C, channel, C, 2 * C, parts, PARTS, CHANNELS)
    if vector == 0:
        tl.store(grad_weight + channel, total.to(grad_weight.dtype.element_ty), mask=channel < C)
    else:
        tl.store(grad_bias + channel, total.to(grad_bias.dtype.element_ty), mask=channel < C)


def forward(x: Tensor, weight: Tensor, bias: Tensor, eps: float, y: Tensor) -> None:
    """Write the norm of the rows of x into y: see ``cnxv2_mm.kernels.layer_norm``."""
    channels = x.shape[-1]
    rows, constants = x.numel() // channels, _constants(channels, eps)
    if rows:
        with torch.cuda.device_of(x):
            _forward[triton.cdiv(rows, constants["ROWS"]),](x, weight, bias, y, rows, **constants, **LAUNCH)


def backward(grad: Tensor, x: Tensor, weight: Tensor, eps: float, grad_x: Tensor, partial: Tensor) -> None:
    """Write the gradient of x, and (P, 2, C) parts of those of weight and bias."""
    channels, parts = x.shape[-1], partial.shape[0]
    rows, constants = x.numel() // channels, _constants(channels, eps)
    steps = triton.cdiv(rows, constants["ROWS"] * parts)
    with torch.cuda.device_of(x):
        _backward[parts,](grad, x, weight, grad_x, partial, rows, steps, **constants, **LAUNCH)


def add_parts(partial: Tensor, grad_weight: Tensor, grad_bias: Tensor) -> None:
    """Add (P, 2, C) parts up to the gradients of weight and bias."""
    parts, _, channels = partial.shape
    with torch.cuda.device_of(partial):
        _add_parts[triton.cdiv(channels, ADDED_CHANNELS), 2](
            partial,
            grad_weight,
            grad_bias,
            parts,
            C=channels,
            PARTS=ADDED_PARTS,
            CHANNELS=ADDED_CHANNELS,
            num_warps=2,
        )


def _constants(channels: int, eps: float) -> dict[str, float]:
    width = max(NARROWEST_SLICE, triton.next_power_of_2(triton.cdiv(channels, MOST_SLICES)))
    slices = triton.cdiv(channels, width)
    return {"C": channels, "EPS": eps, "ROWS": max(1, BLOCK // width), "WIDTH": width, "SLICES": slices}

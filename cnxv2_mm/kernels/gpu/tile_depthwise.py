"""Depthwise 7 x 7 convolution of tiles, and the gradients of its weight and bias, in Triton.

A program treats a block of *lines*, rows of tiles, and a block of channels. A thread holds all columns of its lines in
registers: each cell that it reads is added to every column that it reaches, seven at most, and only the rows of cells
are a loop at run time. In which of the tiles beside its own a column lies, and where in the Morton order of that tile,
is known when the program is compiled; where the tile is stored, a line looks up. Hidden tiles are stored nowhere:
nothing is read in their place.

Numbers become float32 when they are read, and sums are float32. The order of a sum follows from shapes alone, so the
result is the same on every card and in every run. So do the sizes of the blocks: they were chosen by the compiler's
figures for compute capabilities 8.0, 9.0 and 10.0, which are registers and instructions for each multiplication.

Shape letters: N images, T tiles each, h x w places for tiles, S x S cells of a tile, C channels.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

from cnxv2_mm.kernels.gpu.small_tensors import sum_of_parts

CHANNELS = 32  # of a program: 64 bytes of a cell in half precision
LINES = {8: 8, 4: 16, 2: 16, 1: 16}  # of a program, by S
PARTS = 32  # of a sum, that a program adds up at a time
LAUNCH = {"num_warps": 2, "num_stages": 1}


@triton.jit
def _spread(i: tl.tensor) -> tl.tensor:
    """Put a zero before each of three bits: the part of a column in the Morton code of a cell; a row's is twice it."""
    return (i & 1) + 2 * (i & 2) + 4 * (i & 4)


@triton.jit
def _float32(value: tl.tensor) -> tl.tensor:
    if value.dtype == tl.bfloat16:  # the upper half of a float32: as integers, one instruction a number and not two
        return (value.to(tl.int16, bitcast=True).to(tl.int32) << 16).to(tl.float32, bitcast=True)
    else:
        return value.to(tl.float32)


@triton.jit
def _channels(program: tl.tensor, C: tl.constexpr, CHANNELS: tl.constexpr) -> tl.tensor:
    """Return the channels of a program, (1, CHANNELS), and the number of its block of lines."""
    blocks: tl.constexpr = (C + CHANNELS - 1) // CHANNELS
    return program % blocks * CHANNELS + tl.arange(0, CHANNELS)[None, :], program // blocks


@triton.jit
def _lines(
    block: tl.tensor,
    positions: tl.tensor,
    tiles: tl.tensor,
    tiles_per_image: tl.tensor,
    width: tl.tensor,
    LEVELS: tl.constexpr,
    LINES: tl.constexpr,
) -> tl.tensor:
    """Return tile, row in it, image, row and column of the tile among the places, existence; each (LINES, 1)."""
    line = block * LINES + tl.arange(0, LINES)[:, None]
    tile = line >> LEVELS
    exists = tile < tiles
    position = tl.load(positions + tile, mask=exists, other=0)
    return tile, line & ((1 << LEVELS) - 1), tile // tiles_per_image, position // width, position % width, exists


@triton.jit
def _read(
    x: tl.tensor,
    numbers: tl.tensor,
    lines: tl.tensor,
    channel: tl.tensor,
    i: tl.tensor,
    tiles_per_image: tl.tensor,
    height: tl.tensor,
    width: tl.tensor,
    C: tl.constexpr,
    LEVELS: tl.constexpr,
) -> tl.tensor:
    """Return the cells that tap row i of a line sees: S + 6 columns of (LINES, CHANNELS), zero where hidden."""
    SIDE: tl.constexpr = 1 << LEVELS
    REACH: tl.constexpr = (SIDE + 2) // SIDE  # tiles to each side
    _, row, image, tile_row, tile_column, exists = lines
    shifted = row + (i + 5)  # the row of cells is i - 3 below; eight rows more keep it positive
    other_row = tile_row + (shifted >> LEVELS) - 8 // SIDE
    in_map = exists & (other_row >= 0) & (other_row < height)
    beside = numbers + ((image * height + other_row) * width + tile_column)
    first = x + 2 * _spread(shifted & (SIDE - 1)) * C + channel
    columns = ()
    for d in tl.static_range(-REACH, REACH + 1):
        inside = in_map & (tile_column + d >= 0) & (tile_column + d < width)
        number = tl.load(beside + d, mask=inside, other=-1)
        start = first + (image * tiles_per_image + number).to(tl.int64) * (SIDE * SIDE * C)
        for column in tl.static_range(SIDE):
            if d * SIDE + column >= -3 and d * SIDE + column < SIDE + 3:
                cell = tl.load(start + _spread(column) * C, mask=(number >= 0) & (channel < C), other=0)
                columns = columns + (_float32(cell),)
    return columns


@triton.jit
def _convolve(
    x: tl.tensor,
    numbers: tl.tensor,
    positions: tl.tensor,
    taps: tl.tensor,
    bias: tl.tensor,
    y: tl.tensor,
    tiles: tl.tensor,
    tiles_per_image: tl.tensor,
    height: tl.tensor,
    width: tl.tensor,
    TURNED: tl.constexpr,
    C: tl.constexpr,
    LEVELS: tl.constexpr,
    LINES: tl.constexpr,
    CHANNELS: tl.constexpr,
) -> None:
    SIDE: tl.constexpr = 1 << LEVELS
    channel, block = _channels(tl.program_id(0), C, CHANNELS)
    lines = _lines(block, positions, tiles, tiles_per_image, width, LEVELS, LINES)
    total = tl.zeros([LINES, CHANNELS], tl.float32)
    if bias is not None:
        total += tl.load(bias + channel, mask=channel < C, other=0).to(tl.float32)
    totals = ()
    for _ in tl.static_range(SIDE):
        totals = totals + (total,)
    for i in range(7):
        if TURNED:
            first = taps + (48 - 7 * i) * C + channel
        else:
            first = taps + 7 * i * C + channel
        weights = ()
        for j in tl.static_range(7):
            weights = weights + (tl.load(first + (-j if TURNED else j) * C, mask=channel < C, other=0),)
        columns = _read(x, numbers, lines, channel, i, tiles_per_image, height, width, C, LEVELS)
        sums = ()
        for column in tl.static_range(SIDE):
            total = totals[column]
            for j in tl.static_range(7):
                total += columns[column + j] * weights[j]
            sums = sums + (total,)
        totals = sums
    tile, row, _, _, _, exists = lines
    start = y + (tile.to(tl.int64) * SIDE * SIDE + 2 * _spread(row)) * C + channel
    for column in tl.static_range(SIDE):
        tl.store(start + _spread(column) * C, totals[column].to(y.dtype.element_ty), mask=exists & (channel < C))


@triton.jit
def _weight_gradient(
    x: tl.tensor,
    numbers: tl.tensor,
    positions: tl.tensor,
    grad: tl.tensor,
    partial: tl.tensor,
    tiles: tl.tensor,
    tiles_per_image: tl.tensor,
    height: tl.tensor,
    width: tl.tensor,
    steps: tl.tensor,
    C: tl.constexpr,
    LEVELS: tl.constexpr,
    LINES: tl.constexpr,
    CHANNELS: tl.constexpr,
) -> None:
    SIDE: tl.constexpr = 1 << LEVELS
    i = tl.program_id(0) % 7
    channel, chunk = _channels(tl.program_id(0) // 7, C, CHANNELS)
    zero = tl.zeros([LINES, CHANNELS], tl.float32)
    totals = (zero, zero, zero, zero, zero, zero, zero)
    bias_total = zero
    for step in range(steps):
        lines = _lines(chunk * steps + step, positions, tiles, tiles_per_image, width, LEVELS, LINES)
        tile, row, _, _, _, exists = lines
        start = grad + (tile.to(tl.int64) * SIDE * SIDE + 2 * _spread(row)) * C + channel
        grads = ()
        for column in tl.static_range(SIDE):
            cell = _float32(tl.load(start + _spread(column) * C, mask=exists & (channel < C), other=0))
            grads = grads + (cell,)
            if i == 0:
                bias_total += cell
        columns = _read(x, numbers, lines, channel, i, tiles_per_image, height, width, C, LEVELS)
        sums = ()
        for j in tl.static_range(7):
            total = totals[j]
            for column in tl.static_range(SIDE):
                total += columns[column + j] * grads[column]
            sums = sums + (total,)
        totals = sums
    start = partial + (chunk * 50 + 7 * i) * C + channel
    for j in tl.static_range(7):
        tl.store(start + j * C, tl.sum(totals[j], 0, keep_dims=True), mask=channel < C)
    if i == 0:
        tl.store(start + 49 * C, tl.sum(bias_total, 0, keep_dims=True), mask=channel < C)


@triton.jit
def _add_parts(
    partial: tl.tensor,
    grad_weight: tl.tensor,
    grad_bias: tl.tensor,
    chunks: tl.tensor,
    C: tl.constexpr,
    PARTS: tl.constexpr,
    CHANNELS: tl.constexpr,
) -> None:
    blocks: tl.constexpr = (C + CHANNELS - 1) // CHANNELS
    channel = tl.program_id(0) % blocks * CHANNELS + tl.arange(0, CHANNELS)
    tap = tl.program_id(0) // blocks
    total = sum_of_parts(partial + tap * C, channel, C, 50 * C, chunks, PARTS, CHANNELS)
    if tap < 49:
        tl.store(grad_weight + channel * 49 + tap, total.to(grad_weight.dtype.element_ty), mask=channel < C)
    else:
        tl.store(grad_bias + channel, total.to(grad_bias.dtype.element_ty), mask=channel < C)


def convolve(
    x: Tensor, numbers: Tensor, positions: Tensor, taps: Tensor, bias: Tensor | None, side: int, turned: bool
) -> Tensor:
    """Start the convolution: see ``cnxv2_mm.kernels.tile_depthwise``."""
    y = torch.empty_like(x)
    tiles, channels, lines = positions.numel(), x.shape[2], LINES[side]
    grid = (triton.cdiv(tiles * side, lines) * triton.cdiv(channels, CHANNELS),)
    with torch.cuda.device_of(x):
        _convolve[grid](
            x,
            numbers,
            positions,
            taps,
            bias,
            y,
            tiles,
            *_map_size(numbers, positions),
            TURNED=turned,
            **_constants(channels, side),
            **LAUNCH,
        )
    return y


def weight_gradient(x: Tensor, numbers: Tensor, positions: Tensor, grad: Tensor, side: int, chunks: int) -> Tensor:
    """Start the weight gradient: see ``cnxv2_mm.kernels.tile_depthwise``."""
    tiles, channels, lines = positions.numel(), x.shape[2], LINES[side]
    partial = x.new_empty(chunks, 50, channels, dtype=torch.float32)
    grid = (7 * triton.cdiv(channels, CHANNELS) * chunks,)
    with torch.cuda.device_of(x):
        _weight_gradient[grid](
            x,
            numbers,
            positions,
            grad,
            partial,
            tiles,
            *_map_size(numbers, positions),
            triton.cdiv(tiles * side, lines * chunks),
            **_constants(channels, side),
            **LAUNCH,
        )
    return partial


def add_parts(partial: Tensor, grad_weight: Tensor, grad_bias: Tensor) -> None:
    """Fill the gradients of weight and bias: see ``cnxv2_mm.kernels.tile_depthwise``."""
    chunks, _, channels = partial.shape
    grid = (50 * triton.cdiv(channels, CHANNELS),)
    with torch.cuda.device_of(partial):
        _add_parts[grid](
            partial, grad_weight, grad_bias, chunks, C=channels, PARTS=PARTS, CHANNELS=CHANNELS, num_warps=2
        )


def _map_size(numbers: Tensor, positions: Tensor) -> tuple[int, int, int]:
    """Return T, h and w."""
    return positions.shape[1], numbers.shape[1], numbers.shape[2]


def _constants(channels: int, side: int) -> dict[str, int]:
    return {"C": channels, "LEVELS": side.bit_length() - 1, "LINES": LINES[side], "CHANNELS": CHANNELS}

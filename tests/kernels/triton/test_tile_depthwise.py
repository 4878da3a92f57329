"""The depthwise convolution of tiles against PyTorch's convolution of their maps, in float64."""

import pytest
import torch
from torch.nn import functional as F

from cnxv2_mm.kernels.tile_depthwise import add_weight_gradients, convolve_tiles, tile_depthwise, tile_weight_gradient
from cnxv2_mm.kernels.tiles import Tiles
from tests.conftest import relative_error

# images, places for tiles, visible tiles, channels
CASES = [
    (1, (1, 1), 1, 3),  # a single tile
    (1, (3, 2), 3, 40),  # a rectangle; channels that fill no block
    (1, (2, 2), 4, 8),  # every tile visible
    (2, (1, 5), 2, 32),
    (1, (7, 7), 6, 5),  # tiles of one cell see those that are three places away
]


def some_tiles(side, n, size, visible, device):
    """Visible tiles in any order: the table, and for each image's cells (row, column) in its map, in order, from the
    definition of the order: 2 x 2 children follow one another, in reading order, at every level."""
    h, w = size
    positions = torch.stack([torch.randperm(h * w)[:visible] for _ in range(n)])
    numbers = torch.full((n, h, w), -1, dtype=torch.int32)
    for image, places in enumerate(positions.tolist()):
        for number, place in enumerate(places):
            numbers[image, place // w, place % w] = number
    cells = [[(place // w, place % w) for place in places] for places in positions.tolist()]
    for _ in range(side.bit_length() - 1):
        cells = [[(2 * y + a, 2 * x + b) for y, x in each for a in (0, 1) for b in (0, 1)] for each in cells]
    flat = torch.tensor([[y * w * side + x for y, x in each] for each in cells])  # (N, M)
    return Tiles(side, numbers.to(device), positions.int().to(device)), flat.to(device)


def by_pytorch(x, cells, tiles, weight, bias):
    n, h, w = tiles.numbers.shape
    h, w, c = h * tiles.side, w * tiles.side, x.shape[2]
    index = cells.unsqueeze(2).expand_as(x)
    maps = x.new_zeros(n, h * w, c).scatter(1, index, x).view(n, h, w, c).permute(0, 3, 1, 2)
    y = F.conv2d(maps, weight, bias, padding=3, groups=c)
    return y.permute(0, 2, 3, 1).flatten(1, 2).gather(1, index)


def operands(side, n, size, visible, channels, device, dtype=torch.float32):
    tiles, cells = some_tiles(side, n, size, visible, device)
    shapes = ((n, visible * side * side, channels), (channels, 1, 7, 7), (channels,))
    x, weight, bias = (torch.randn(shape, dtype=dtype, device=device).requires_grad_() for shape in shapes)
    return tiles, cells, x, weight, bias


def gradients(y, grad, inputs):
    return torch.autograd.grad(y, inputs, grad.to(y.dtype))


@pytest.mark.parametrize("side", [8, 4, 2, 1])
@pytest.mark.parametrize(("n", "size", "visible", "channels"), CASES)
def test_values_and_gradients_are_those_of_pytorch(side, n, size, visible, channels, device):
    tiles, cells, x, weight, bias = operands(side, n, size, visible, channels, device)
    ours = tile_depthwise(x, tiles, weight, bias)
    exact = [t.detach().double().requires_grad_() for t in (x, weight, bias)]
    expected = by_pytorch(exact[0], cells, tiles, *exact[1:])
    assert relative_error(ours, expected) < 1e-6
    grad = torch.randn_like(x)
    for a, b in zip(gradients(ours, grad, (x, weight, bias)), gradients(expected, grad, exact), strict=True):
        assert a.dtype == torch.float32
        assert relative_error(a, b) < 2e-6


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_off_by_one_rounding(dtype, device):
    """Sums are float32: the only error is that of the result, a unit in its last place. (Half a unit on a GPU; Triton's
    interpreter cuts bfloat16 off.)"""
    tiles, cells, x, weight, bias = operands(4, 2, (2, 3), 3, 8, device, dtype)
    ours = tile_depthwise(x, tiles, weight, bias)
    exact = [t.detach().double().requires_grad_() for t in (x, weight, bias)]
    expected = by_pytorch(exact[0], cells, tiles, *exact[1:])
    grad = torch.randn_like(x)
    pairs = [(ours, expected)]
    pairs += zip(gradients(ours, grad, (x, weight, bias)), gradients(expected, grad, exact), strict=True)
    for a, b in pairs:
        assert a.dtype == dtype
        assert ((a - b).abs() <= torch.finfo(dtype).eps * b.abs() + 1e-5).all()


def test_under_autocast_cells_are_bfloat16_and_gradients_of_parameters_float32(device):
    tiles, cells, x, weight, bias = operands(8, 1, (2, 2), 2, 8, device)
    with torch.autocast(device, dtype=torch.bfloat16):
        ours = tile_depthwise(x, tiles, weight, bias)
    assert ours.dtype == torch.bfloat16
    exact = [t.detach().double().requires_grad_() for t in (x.bfloat16(), weight, bias)]
    expected = by_pytorch(exact[0], cells, tiles, *exact[1:])
    assert relative_error(ours, expected) < 2**-7
    grad = torch.randn_like(x).bfloat16()
    grad_x, *ours = gradients(ours, grad, (x, weight, bias))
    expected_x, *expected = gradients(expected, grad, exact)
    assert relative_error(grad_x, expected_x) < 2**-7
    for a, b in zip(ours, expected, strict=True):
        assert a.dtype == torch.float32
        assert relative_error(a, b) < 1e-6


@pytest.mark.parametrize("learnt", ["x", "weight", "bias", "x, weight", "weight, bias"])
def test_what_is_frozen_gets_no_gradient_and_changes_no_other(learnt, device):
    tiles, cells, *inputs = operands(2, 2, (3, 2), 3, 8, device)
    for name, t in zip(("x", "weight", "bias"), inputs, strict=True):
        t.requires_grad_(name in learnt)
    needed = [t for t in inputs if t.requires_grad]
    x, *parameters = inputs
    grad = torch.randn_like(x)
    expected = gradients(by_pytorch(x, cells, tiles, *parameters), grad, needed)
    for a, b in zip(gradients(tile_depthwise(x, tiles, *parameters), grad, needed), expected, strict=True):
        assert relative_error(a, b) < 1e-5


def test_without_a_bias_nothing_is_added(device):
    tiles, cells, x, weight, _ = operands(4, 1, (2, 2), 2, 8, device)
    ours, expected = tile_depthwise(x, tiles, weight, None), by_pytorch(x, cells, tiles, weight, None)
    assert relative_error(ours, expected) < 1e-5
    grad = torch.randn_like(x)
    for a, b in zip(gradients(ours, grad, (x, weight)), gradients(expected, grad, (x, weight)), strict=True):
        assert relative_error(a, b) < 1e-5


@pytest.mark.parametrize("side", [8, 4, 2, 1])
def test_nothing_is_read_but_the_visible_cells(side, device):
    """The memory before and after them, where tile number -1 would lie, is full of NaN."""
    tiles, _, x, _, bias = operands(side, 1, (3, 3), 2, 8, device)
    taps = torch.randn(49, 8, device=device)
    around = torch.full((3, *x.shape[1:]), float("nan"), device=device)
    cells = around[1:2].copy_(x.detach())
    y = convolve_tiles(cells, tiles.numbers, tiles.positions, taps, bias.detach(), side, turned=False)
    sums = tile_weight_gradient(cells, tiles.numbers, tiles.positions, cells, side, 1)
    assert torch.isfinite(y).all()
    assert torch.isfinite(sums).all()


@pytest.mark.parametrize("chunks", [1, 3])
def test_parts_of_the_weight_gradient_add_up_to_the_same_in_every_run(chunks, device):
    tiles, cells, x, _, _ = operands(1, 3, (3, 4), 7, 8, device)
    grad = torch.randn_like(x)
    operation = (x.detach(), tiles.numbers, tiles.positions, grad, 1, chunks)
    parts = tile_weight_gradient(*operation)
    assert parts.shape == (chunks, 50, 8)
    assert torch.equal(parts, tile_weight_gradient(*operation))
    exact = [torch.zeros(shape, dtype=torch.float64, device=device).requires_grad_() for shape in ((8, 1, 7, 7), 8)]
    expected = gradients(by_pytorch(x.detach().double(), cells, tiles, *exact), grad, exact)
    for sums, exact in zip(add_weight_gradients(parts, torch.empty(8, 1, 7, 7, device=device)), expected, strict=True):
        assert relative_error(sums, exact) < 1e-6


def test_gradients_of_gradients_are_those_of_pytorch(device):
    tiles, cells, x, weight, bias = operands(2, 2, (2, 3), 3, 4, device)
    inputs, exact = (x, weight, bias), [t.detach().double().requires_grad_() for t in (x, weight, bias)]
    grad = torch.randn_like(x)
    factors = [torch.randn_like(t) for t in inputs]
    results = []
    for y, variables in (
        (tile_depthwise(x, tiles, weight, bias), inputs),
        (by_pytorch(exact[0], cells, tiles, *exact[1:]), exact),
    ):
        slopes = torch.autograd.grad(y.square(), variables, grad.to(y.dtype), create_graph=True)
        penalty = sum((slope * factor).sum() for slope, factor in zip(slopes, factors, strict=True))
        results.append(torch.autograd.grad(penalty, variables))
    for a, b in zip(*results, strict=True):
        assert relative_error(a, b) < 1e-5


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_the_gradient_has_the_strides_of_the_weight(memory_format, device):
    tiles, _, x, weight, bias = operands(1, 1, (2, 3), 3, 4, device)
    weight = weight.detach().to(memory_format=memory_format, copy=True).requires_grad_()
    (grad,) = torch.autograd.grad(tile_depthwise(x, tiles, weight, bias).sum(), weight)
    assert grad.stride() == weight.stride()


def test_cells_and_gradients_that_are_not_contiguous_are_understood(device):
    tiles, cells, x, weight, bias = operands(2, 2, (2, 3), 3, 4, device)
    spread = x.detach().permute(2, 0, 1).contiguous().permute(1, 2, 0).requires_grad_()
    factor = torch.randn(4, *x.shape[:2], device=device).permute(1, 2, 0)
    ours = torch.autograd.grad((tile_depthwise(spread, tiles, weight, bias) * factor).sum(), (spread, weight))
    expected = torch.autograd.grad((by_pytorch(x, cells, tiles, weight, bias) * factor).sum(), (x, weight))
    for a, b in zip(ours, expected, strict=True):
        assert relative_error(a, b) < 1e-5


def test_no_images_give_no_cells_and_zero_gradients(device):
    """What PyTorch's own convolution does."""
    tiles, _, x, weight, bias = operands(8, 1, (2, 3), 3, 4, device)
    none = Tiles(8, tiles.numbers[:0], tiles.positions[:0])
    y = tile_depthwise(x[:0], none, weight, bias)
    assert y.shape == (0, *x.shape[1:])
    for grad in torch.autograd.grad(y.sum(), (weight, bias)):
        assert not grad.any()


def test_the_operators_are_declared_as_they_behave(device):
    """torch.library's own checks: shapes without data agree with real ones, nothing is changed in place."""
    tiles, _, x, _, bias = operands(2, 1, (1, 2), 1, 4, device)
    x, bias = x.detach(), bias.detach()
    taps = torch.randn(49, 4, device=device)
    torch.library.opcheck(convolve_tiles, (x, tiles.numbers, tiles.positions, taps, bias, 2, False))
    torch.library.opcheck(
        add_weight_gradients, (torch.randn(3, 50, 4, device=device), torch.randn(4, 1, 7, 7, device=device))
    )
    torch.library.opcheck(tile_weight_gradient, (x, tiles.numbers, tiles.positions, torch.randn_like(x), 2, 3))

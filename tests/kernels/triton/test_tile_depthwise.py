"""The depthwise convolution of tiles against PyTorch's convolution of their maps, in float64."""

import pytest
import torch
from torch.nn import functional as F

from cnxv2_mm.kernels.tile_depthwise import Tiles, tile_depthwise
from tests.conftest import relative_error

# images, places for tiles, visible tiles, channels
CASES = [
    (1, (1, 1), 1, 3),  # a single tile
    (2, (3, 2), 3, 40),  # a rectangle; channels that fill no block
    (1, (2, 3), 6, 8),  # every tile visible
    (3, (1, 5), 2, 32),
    (2, (7, 7), 19, 33),
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

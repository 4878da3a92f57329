"""What surrounds the programs: what is counted, and what a machine without a GPU sees of them.

What they compute is compared in ``tests/kernels/triton``.
"""

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from cnxv2_mm.kernels.tile_depthwise import _chunks, fits, tile_depthwise
from cnxv2_mm.kernels.tiles import Tiles


def on_meta(side: int, images: int = 2) -> tuple[Tiles, torch.Tensor, torch.Tensor, torch.Tensor]:
    tiles = Tiles(side, *(torch.empty(images, *shape, dtype=torch.int32, device="meta") for shape in ((2, 3), (6,))))
    shapes = ((images, 6 * side * side, 40), (40, 1, 7, 7), (40,))
    return tiles, *(torch.empty(shape, device="meta").requires_grad_() for shape in shapes)


def counted(function: Callable[[], object]) -> int:
    with FlopCounterMode(display=False) as counter:
        function()
    return counter.get_total_flops()


@pytest.mark.parametrize("side", [8, 4, 2, 1])
def test_operations_are_counted_as_those_of_a_convolution(side):
    """PyTorch counts a convolution of all cells, and here every tile is visible; each gradient takes as many again."""
    tiles, x, weight, bias = on_meta(side)
    maps = torch.empty(2, 40, 2 * side, 3 * side, device="meta")
    forward = counted(lambda: tile_depthwise(x, tiles, weight, bias))
    assert forward == counted(lambda: F.conv2d(maps, weight, bias, padding=3, groups=40)) == 2 * 49 * x.numel()
    assert counted(lambda: tile_depthwise(x, tiles, weight, bias).sum().backward()) == 3 * forward
    for t in (x, weight, bias):
        assert t.grad.shape == t.shape


def test_partial_sums_stay_small_beside_what_is_summed():
    for side, channels in ((8, 96), (4, 192), (2, 384), (1, 768), (1, 2816)):
        positions, x = torch.empty(128, 19, device="meta"), torch.empty(128, 19 * side * side, channels, device="meta")
        chunks = _chunks(positions, side, x)
        assert chunks >= 1
        assert chunks * 50 * channels * 4 <= 2**21
        assert chunks * 50 <= x.shape[:2].numel()
    assert _chunks(torch.empty(0, 3), 8, torch.empty(0, 192, 4)) == 1


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"kernel_size": 7, "padding": 3}, True),
        ({"kernel_size": 7, "padding": 3, "bias": False}, True),
        ({"kernel_size": 5, "padding": 2}, False),
        ({"kernel_size": 7, "padding": 6, "dilation": 2}, False),
        ({"kernel_size": 7, "padding": 3, "stride": 2}, False),
        ({"kernel_size": 7, "padding": 0}, False),
        ({"kernel_size": 7, "padding": 3, "padding_mode": "circular"}, False),
    ],
    ids=str,
)
def test_only_the_convolution_of_the_block_fits(options, expected):
    assert fits(nn.Conv2d(4, 4, groups=4, **options)) == expected

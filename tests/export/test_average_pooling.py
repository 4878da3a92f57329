"""Average pooling to a number of bins equals PyTorch's for every size of the map, and runs in its place."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from cnxv2_mm.export.average_pooling import average_pool, recordable_average_pooling


@pytest.mark.parametrize("bins", [1, 2, 3, 6, 7, (3, 5), (None, 4), (2, None)])
@pytest.mark.parametrize("size", [(1, 1), (5, 9), (6, 6), (7, 13), (64, 31)])
def test_equals_pytorch(size: tuple[int, int], bins: int | tuple[int | None, int | None]) -> None:
    x = torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(average_pool(x, bins), F.adaptive_avg_pool2d(x, bins), atol=1e-6, rtol=1e-5)


def test_averages_half_precision_in_float32() -> None:
    x = torch.full((1, 2, 64, 64), 60000.0, dtype=torch.float16)
    with torch.autocast("cpu", dtype=torch.float16):
        pooled = average_pool(x, 3)
    assert pooled.dtype == torch.float16
    torch.testing.assert_close(pooled.float(), torch.full((1, 2, 3, 3), 60000.0), rtol=1e-3, atol=0)


class _Pools(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        with recordable_average_pooling():
            return self.pool(x)


def test_a_recorded_program_pools_maps_of_other_sizes() -> None:
    sides = {2: torch.export.Dim.AUTO, 3: torch.export.Dim.AUTO}
    program = torch.export.export(_Pools(), (torch.randn(1, 2, 8, 11),), dynamic_shapes=(sides,))
    assert not any("adaptive" in str(node.target) for node in program.graph.nodes)
    x = torch.randn(1, 2, 17, 5)
    torch.testing.assert_close(program.module()(x), F.adaptive_avg_pool2d(x, 3))

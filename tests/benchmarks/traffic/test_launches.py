"""Kernels of an operator: one, or what PyTorch's CUDA code is known to launch."""

import pytest
import torch

from benchmarks.traffic.launches import count_launches

ATEN = torch.ops.aten
GEOMETRY = ([1, 1], [0, 0], [1, 1], False, [0, 0], 1)


@pytest.mark.parametrize(
    ("func", "args", "launches"),
    [
        (ATEN.add.Tensor, (1, 2), 1),
        (ATEN.empty.memory_format, ([2],), 0),
        (ATEN.sort.stable, (1,), 3),
        (ATEN.convolution.default, (1, 2, None, *GEOMETRY), 1),
        (ATEN.convolution.default, (1, 2, 3, *GEOMETRY), 2),
        (ATEN.convolution_backward.default, (1, 2, 3, None, *GEOMETRY, [True, True, False]), 2),
        (ATEN.index_put_.default, (1, [2], 3), 1),
        (ATEN.index_put_.default, (1, [2], 3, True), 10),
    ],
)
def test_launches(func, args, launches):
    assert count_launches(func, args, {}) == launches


def test_arguments_may_be_named():
    assert count_launches(ATEN.index_put_.default, (1, [2], 3), {"accumulate": True}) == 10

"""The depthwise cases: all of them compute the same convolution and the same gradients."""

from itertools import groupby

import torch

from benchmarks.gpu.depthwise_cases import depthwise_cases
from benchmarks.gpu.kernel_timing import measure

CPU = torch.device("cpu")
CHANNELS = (3, 5, 4, 2)


def test_everybody_computes_the_same_on_every_stage():
    cases = list(depthwise_cases(2, 96, CHANNELS, CPU, torch.float32))
    assert len(cases) == 4 * 3 * 3
    for case in cases:
        assert measure(case, CPU, 1).error < 1e-5, case
    # 3 x 3 patches, of which 60 % are hidden: 3 are visible, with 64 cells each at first.
    for stage, (shape, group) in enumerate(groupby(cases, key=lambda case: case.shape)):
        cells = 3 * 64 // 4**stage
        assert shape == f"stage {stage + 1}: 2 x {cells} visible cells, {CHANNELS[stage]} channels"
        assert {case.bytes for case in group} == {2 * 2 * cells * CHANNELS[stage] * 4}


def test_packed_cells_are_compared_with_the_map_of_all_cells():
    """Ours has the visible cells alone, PyTorch's all; together they are the same numbers."""
    cases = list(depthwise_cases(1, 64, (2,), CPU, torch.float32))
    ours, theirs = (next(c for c in cases if c.by == by) for by in ("ours", "F.conv2d on all cells"))
    assert ours.call()[0].shape == (1, 64, 2)
    assert theirs.call()[0].shape == (1, 2, 16, 16)
    every_value = theirs.expected[0].flatten().tolist()
    assert set(ours.expected[0].flatten().tolist()) <= set(every_value)


def test_a_gradient_is_of_one_thing_alone():
    """Timed are the gradient of the input and that of the weight, never both at once."""
    for case in depthwise_cases(1, 64, (2,), CPU, torch.float32):
        (result,) = case.call()
        assert (result.shape == (2, 1, 7, 7)) == (case.direction == "weight gradient")

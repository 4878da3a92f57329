"""The cases of the MLP: all compute the same, and what is written out here is the paper's GRN."""

import torch
from timm.layers.grn import GlobalResponseNorm
from torch import nn
from torch.nn import functional as F

from benchmarks.gpu.kernel_timing import measure
from benchmarks.gpu.mlp_cases import EPS, mlp_cases, one_by_one

CPU = torch.device("cpu")


def test_everybody_computes_the_same_forwards_and_backwards():
    cases = list(mlp_cases([(2, 9, 4), (2, 3, 5, 4)], CPU, torch.float32))
    assert len(cases) == 2 * 3 * 2
    for case in cases:
        assert measure(case, CPU, 1).error < 1e-5, case
        assert len(case.expected) == (1 if case.direction == "forward" else 7)
    # Cells of 4 channels and 16 hidden ones, 4 bytes each: 2 x 4 + 5 x 16 numbers a cell, and 3 x 4 + 12 x 16.
    assert [case.bytes for case in cases[:2]] == [18 * 88 * 4, 18 * 204 * 4]


def test_the_operations_one_by_one_are_those_of_timm():
    y = torch.randn(2, 3, 5, 4)
    first, second, grn = nn.Linear(4, 16), nn.Linear(16, 4), GlobalResponseNorm(16, eps=EPS, channels_last=True)
    for parameter in grn.parameters():
        nn.init.normal_(parameter)
    expected = second(grn(F.gelu(first(y))))
    parameters = (first.weight, first.bias, grn.weight, grn.bias, second.weight, second.bias)
    torch.testing.assert_close(one_by_one(y, *parameters, EPS), expected)

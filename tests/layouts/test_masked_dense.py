"""The specification itself: its contract, and its block against a loop over visible cells."""

import torch

from cnxv2_mm.layouts import MaskedDense
from cnxv2_mm.masking import enlarge, random_visible
from tests.layouts.contract import MaskedLayoutContract


class TestMaskedDense(MaskedLayoutContract):
    layout = "masked_dense"


def test_depthwise_sums_visible_neighbours_only():
    """Oracle: the definition of a submanifold convolution, one cell and one neighbour at a time."""
    visible = enlarge(random_visible(1, (2, 2), 2), 2)
    x = torch.randn(1, 4, 4, 1, dtype=torch.float64)
    conv = torch.nn.Conv2d(1, 1, 7, padding=3).double()
    y = MaskedDense(visible).depthwise(x, conv)
    for row, column in visible[0].nonzero().tolist():
        total = conv.bias[0].clone()
        for other_row, other_column in visible[0].nonzero().tolist():
            weight = conv.weight[0, 0, other_row - row + 3, other_column - column + 3]
            total += weight * x[0, other_row, other_column, 0]
        torch.testing.assert_close(y[0, row, column, 0], total)


def test_the_norm_is_over_visible_cells():
    visible = torch.tensor([[[True, False], [False, True]]])
    x = torch.tensor([[[[3.0], [100.0]], [[100.0], [4.0]]]])
    assert MaskedDense(visible).image_norm(x).item() == 5.0

"""GRN against Algorithm 1 written as loops; stochastic depth against its definition."""

import math

import pytest
import torch

from cnxv2_mm.layers import GRN, DropPath
from cnxv2_mm.layouts import Dense


def test_grn_is_algorithm_1_of_the_paper():
    """Oracle: the paper's Algorithm 1, one image, channel and cell at a time."""
    n, h, w, c = 2, 3, 2, 4
    x = torch.randn(n, h, w, c, dtype=torch.float64)
    grn = GRN(c).double()
    torch.nn.init.normal_(grn.gamma)
    torch.nn.init.normal_(grn.beta)
    y = grn(x, Dense(n, (h, w)))
    for i in range(n):
        norms = [math.sqrt(sum(float(v) ** 2 for v in x[i, :, :, k].flatten())) for k in range(c)]
        mean = sum(norms) / c
        for k in range(c):
            relative = norms[k] / (mean + 1e-6)
            expected = grn.gamma[k] * (x[i, :, :, k] * relative) + grn.beta[k] + x[i, :, :, k]
            torch.testing.assert_close(y[i, :, :, k], expected)


def test_grn_starts_as_the_identity():
    x = torch.randn(2, 3, 3, 5)
    assert torch.equal(GRN(5)(x, Dense(2, (3, 3))), x)


def test_grn_of_silent_channels_has_finite_gradients():
    """A channel that is zero everywhere has norm 0, where a square root has no derivative."""
    x = torch.zeros(1, 2, 2, 3, requires_grad=True)
    grn = GRN(3)
    torch.nn.init.ones_(grn.gamma)
    grn(x, Dense(1, (2, 2))).sum().backward()
    assert torch.isfinite(x.grad).all()
    assert torch.isfinite(grn.gamma.grad).all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_grn_of_large_activations_does_not_overflow(dtype):
    """Squares of 3000 exceed float16 (65504); the norm of one image of 1600 cells, 120000, exceeds it, too."""
    x = (torch.randn(1, 40, 40, 8).sign() * 3000).to(dtype)
    grn = GRN(8).to(dtype)
    torch.nn.init.ones_(grn.gamma)
    y = grn(x, Dense(1, (40, 40)))
    torch.testing.assert_close(y, 2 * x)  # all norms are equal, so the relative norm is 1


def test_drop_path_keeps_the_mean_and_drops_whole_images():
    layout = Dense(4000, (1, 2))
    drop = DropPath(0.25).train()
    x = torch.ones(4000, 1, 2, 3)
    y = x * drop(x, layout)
    torch.testing.assert_close(y.unique(), torch.tensor([0.0, 1 / 0.75]))
    assert (y == y[:, :1, :1, :1]).all()
    # 4000 draws of probability 0.75: five standard deviations of the mean are 0.034.
    assert y.mean().item() == pytest.approx(1.0, abs=0.046)


def test_drop_path_does_nothing_in_evaluation():
    assert DropPath(0.9).eval()(torch.ones(4, 1, 1, 2), Dense(4, (1, 1))) is None


@pytest.mark.parametrize("rate", [-0.1, 1.0, 2])
def test_drop_path_refuses_other_rates(rate):
    with pytest.raises(ValueError, match=rf"drop_path_rate={rate} must be a number in \[0, 1\)"):
        DropPath(rate)

"""The baselines of table 2d against PyTorch's modules and AlexNet's formula."""

import pytest
import torch
from torch import nn

from cnxv2_mm.feature_norms import BatchNorm, LayerNorm, LocalResponseNorm
from cnxv2_mm.layouts import Dense, MaskedDense, Packed
from cnxv2_mm.masking import enlarge, random_visible
from tests.conftest import relative_error


def test_local_response_norm_is_alexnets_formula():
    """Oracle: section 3.3 of AlexNet, one number at a time: k = 2, n = 5, alpha = 1e-4, beta = 0.75."""
    x = 100 * torch.randn(1, 1, 2, 7, dtype=torch.float64)
    y = LocalResponseNorm()(x, Dense(1, (1, 2)))
    for cell, result in zip(x.view(2, 7).tolist(), y.view(2, 7).tolist(), strict=True):
        for i in range(7):
            squares = sum(cell[j] ** 2 for j in range(max(0, i - 2), min(6, i + 2) + 1))
            assert result[i] == pytest.approx(cell[i] / (2 + 1e-4 * squares) ** 0.75, rel=1e-12)


def test_local_response_norm_of_large_half_precision_numbers_is_finite():
    x = torch.full((1, 2, 2, 8), 3000.0, dtype=torch.float16)
    assert torch.isfinite(LocalResponseNorm()(x, Dense(1, (2, 2)))).all()


def test_layer_norm_is_pytorchs():
    x = torch.randn(2, 3, 3, 5)
    ours, theirs = LayerNorm(5), nn.LayerNorm(5, eps=1e-6)
    nn.init.normal_(ours.weight)
    nn.init.normal_(ours.bias)
    theirs.load_state_dict(ours.state_dict())
    torch.testing.assert_close(ours(x, Dense(2, (3, 3))), theirs(x))


def test_batch_norm_is_pytorchs_over_visible_cells():
    """Oracle: torch.nn.BatchNorm1d on the visible cells of the batch, in training and then in evaluation."""
    visible = random_visible(3, (3, 2), 2)
    layout = Packed.of_patches(visible, 2, 32)
    ours, theirs = BatchNorm(4), nn.BatchNorm1d(4)
    for each in (ours, theirs):
        each.load_state_dict({"weight": torch.arange(1.0, 5), "bias": torch.arange(4.0)}, strict=False)
    for _ in range(3):
        x = 3 + 2 * torch.randn(3, 2 * 64, 4)
        torch.testing.assert_close(ours(x, layout), theirs(x.flatten(0, 1)).view_as(x), rtol=1e-5, atol=1e-5)
    for name in ("running_mean", "running_var"):
        torch.testing.assert_close(getattr(ours, name), getattr(theirs, name))
    ours.eval(), theirs.eval()
    torch.testing.assert_close(ours(x, layout), theirs(x.flatten(0, 1)).view_as(x), rtol=1e-5, atol=1e-5)


def test_batch_norm_leaves_hidden_cells_out_of_its_statistics():
    visible = enlarge(random_visible(2, (2, 2), 1), 2)
    x = torch.randn(2, 4, 4, 3)
    loud = torch.where(visible.unsqueeze(-1), x, torch.full_like(x, 1e4))
    norms = [BatchNorm(3), BatchNorm(3)]
    quiet, other = (norm(cells, MaskedDense(visible))[visible] for norm, cells in zip(norms, (x, loud), strict=True))
    assert torch.equal(quiet, other)
    assert torch.equal(norms[0].running_var, norms[1].running_var)


def test_batch_norm_gradients_are_pytorchs():
    x = torch.randn(2, 3, 3, 4, dtype=torch.float64, requires_grad=True)
    weights = torch.randn(2, 3, 3, 4, dtype=torch.float64)
    gradients = []
    for norm, call in (
        (BatchNorm(4).double(), lambda norm: norm(x, Dense(2, (3, 3)))),
        (nn.BatchNorm1d(4).double(), lambda norm: norm(x.flatten(0, 2)).view_as(x)),
    ):
        results = (call(norm) * weights).sum()
        gradients.append(torch.autograd.grad(results, [x, norm.weight, norm.bias]))
    for ours, theirs in zip(*gradients, strict=True):
        assert relative_error(ours, theirs) < 1e-10

"""The variants of GRN against the paper's formulas, one image, channel and cell at a time."""

import math
from itertools import product

import pytest
import torch

from cnxv2_mm.feature_norms import ResponseNorm
from cnxv2_mm.feature_norms.response_norm import AGGREGATIONS, NORMALISATIONS
from cnxv2_mm.layers import GRN
from cnxv2_mm.layouts import Dense


def aggregate(cells, name):
    """G of table 2a for the numbers of one channel."""
    if name == "mean":
        return sum(cells) / len(cells)
    return math.sqrt(sum(v * v for v in cells)) if name == "l2" else sum(abs(v) for v in cells)


def normalise(responses, name, channel):
    """N of table 2b for one of the channels; sums are scaled by the number of channels (footnote 1)."""
    c = len(responses)
    if name == "divisive":
        return c * responses[channel] / (sum(responses) + c * 1e-6)
    if name == "sum":
        return c / (sum(responses) + c * 1e-6)
    if name == "standardise":
        mean = sum(responses) / c
        return (responses[channel] - mean) / math.sqrt(sum((r - mean) ** 2 for r in responses) / c + 1e-6)
    return responses[channel]


@pytest.mark.parametrize("residual", [True, False])
@pytest.mark.parametrize(("aggregation", "normalisation"), [*product(AGGREGATIONS, NORMALISATIONS)])
def test_it_is_the_formula_of_the_paper(aggregation, normalisation, residual):
    n, h, w, c = 2, 2, 3, 4
    x = torch.randn(n, h, w, c, dtype=torch.float64)
    norm = ResponseNorm(c, aggregation, normalisation, residual).double()
    torch.nn.init.normal_(norm.gamma)
    torch.nn.init.normal_(norm.beta)
    y = norm(x, Dense(n, (h, w)))
    for i, row, column, k in product(range(n), range(h), range(w), range(c)):
        cell = x[i, row, column].tolist()
        if aggregation == "none":
            responses = cell
        else:
            responses = [aggregate(x[i, :, :, j].flatten().tolist(), aggregation) for j in range(c)]
        response = normalise(responses, normalisation, k)
        if aggregation == normalisation == "none":
            response = 1.0  # component (a) of table 16: scale and shift alone
        expected = norm.gamma[k] * (cell[k] * response) + norm.beta[k] + (cell[k] if residual else 0.0)
        torch.testing.assert_close(y[i, row, column, k], expected)


def test_with_the_parts_of_grn_it_is_grn():
    x, layout = torch.randn(2, 3, 3, 5), Dense(2, (3, 3))
    norm, grn = ResponseNorm(5), GRN(5)
    torch.nn.init.normal_(norm.gamma)
    grn.load_state_dict(norm.state_dict())
    torch.testing.assert_close(norm(x, layout), grn(x, layout))


def test_without_the_residual_the_hidden_layer_learns_from_the_first_step():
    """Table 2c: with gamma at 0 no gradient would reach what is in front of it."""
    x = torch.randn(1, 2, 2, 3, requires_grad=True)
    y = ResponseNorm(3, residual=False)(x, Dense(1, (2, 2)))
    (y * torch.randn_like(y)).sum().backward()
    assert x.grad.abs().min() > 0


def test_silent_channels_have_finite_gradients():
    for aggregation, normalisation in product(AGGREGATIONS, NORMALISATIONS):
        x = torch.zeros(1, 2, 2, 3, requires_grad=True)
        ResponseNorm(3, aggregation, normalisation, residual=False)(x, Dense(1, (2, 2))).sum().backward()
        assert torch.isfinite(x.grad).all(), (aggregation, normalisation)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_large_activations_do_not_overflow(dtype):
    """The norms of one image of 1600 cells, 120000 and 4.8 million, exceed float16."""
    x = (torch.randn(1, 40, 40, 8).sign() * 3000).to(dtype)
    for aggregation in ("l1", "l2"):
        norm = ResponseNorm(8, aggregation).to(dtype)
        torch.nn.init.ones_(norm.gamma)
        torch.testing.assert_close(norm(x, Dense(1, (40, 40))), 2 * x)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"aggregation": "max"}, "aggregation='max' of grn is unknown; choose one of l2, l1, mean, none"),
        ({"normalisation": "softmax"}, "normalisation='softmax' of grn is unknown; choose one of divisive, sum"),
        ({"residual": "no"}, "residual of grn='no' must be True or False"),
    ],
)
def test_unknown_parts_are_refused(parts, message):
    with pytest.raises(ValueError, match=message):
        ResponseNorm(4, **parts)

"""Feature cosine distance against scikit-learn's table of cosines."""

import pytest
import torch
from sklearn.metrics.pairwise import cosine_similarity

from cnxv2_mm.analysis.feature_distance import feature_cosine_distance
from tests.conftest import photographs


def by_pairs(cells):
    """The formula of section 4 of the paper, over all pairs of channels."""
    flat = cells.flatten(1, -2).double()
    return torch.tensor([((1 - cosine_similarity(image.T)) / 2).mean() for image in flat])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_it_is_the_papers_formula_for_each_image(dtype):
    cells = photographs(4, channels=12, size=(9, 7)).permute(0, 2, 3, 1).to(dtype)  # (N, H, W, C)
    distance = feature_cosine_distance(cells)
    assert distance.shape == (4,)
    torch.testing.assert_close(distance.double(), by_pairs(cells), rtol=1e-5, atol=1e-6)


def test_cells_may_be_a_list():
    cells = torch.randn(3, 10, 6)
    torch.testing.assert_close(feature_cosine_distance(cells).double(), by_pairs(cells), rtol=1e-5, atol=1e-6)


def test_ends_of_the_scale():
    one = torch.randn(1, 50, 1)
    assert feature_cosine_distance(one * torch.rand(8).add(0.1)).item() == pytest.approx(0, abs=1e-6)  # parallel
    opposite = torch.cat([one, -one], dim=2)
    assert feature_cosine_distance(opposite).item() == pytest.approx(0.5)  # pairs (i, i) are 0, pairs (i, j) 1
    orthogonal = torch.eye(64).unsqueeze(0)
    assert feature_cosine_distance(orthogonal).item() == pytest.approx((1 - 1 / 64) / 2)


def test_a_channel_of_zeros_is_unrelated_to_all():
    cells = torch.randn(2, 10, 6)
    cells[..., 2] = 0
    torch.testing.assert_close(feature_cosine_distance(cells).double(), by_pairs(cells), rtol=1e-5, atol=1e-6)

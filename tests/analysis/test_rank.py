"""RankMe against its formula on numpy's singular values."""

import numpy as np
import pytest
import torch

from cnxv2_mm.analysis.rank import FeatureSpectrum


@pytest.mark.parametrize(("images", "dim"), [(100, 12), (7, 12)])
def test_rank_me_is_the_papers_formula(images, dim):
    features = np.random.default_rng(0).normal(size=(images, dim)) * np.linspace(0.1, 2, dim) + 0.3
    spectrum = FeatureSpectrum(dim)
    for batch in torch.from_numpy(features).float().split(32):
        spectrum.update(batch)
    singular = np.linalg.svd(features.astype(np.float32), compute_uv=False)
    p = singular / singular.sum() + 1e-7
    np.testing.assert_allclose(spectrum.singular_values().numpy(), singular, rtol=1e-4)
    assert spectrum.rank_me() == pytest.approx(np.exp(-(p * np.log(p)).sum()), rel=1e-5)


def test_ends_of_the_scale():
    spectrum = FeatureSpectrum(16)
    spectrum.update(torch.eye(16))
    assert spectrum.rank_me() == pytest.approx(16, rel=1e-4)
    spectrum = FeatureSpectrum(16)
    spectrum.update(torch.randn(50, 1) * torch.randn(16))
    assert spectrum.rank_me() == pytest.approx(1, abs=1e-3)
    spectrum = FeatureSpectrum(16)
    spectrum.update(torch.zeros(4, 16))
    assert spectrum.rank_me() == 0


def test_no_image_is_an_error():
    with pytest.raises(ValueError, match="0 images were measured"):
        FeatureSpectrum(3).singular_values()

"""The linear probe against scikit-learn's logistic regression."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from cnxv2_mm.analysis.linear_probe import linear_probe_accuracy


@pytest.mark.parametrize("penalty", [1e-3, 1.0])
def test_it_is_scikit_learns_logistic_regression(penalty):
    data, target = load_digits(return_X_y=True)
    data = data * np.linspace(1, 100, 64) + np.random.default_rng(0).normal(scale=200, size=data.shape)
    train, test = slice(0, 600), slice(600, None)
    oracle = make_pipeline(StandardScaler(), LogisticRegression(C=1 / (penalty * 600), max_iter=500))
    expected = oracle.fit(data[train], target[train]).score(data[test], target[test])
    x, y = torch.from_numpy(data).float(), torch.from_numpy(target)
    assert 0.3 < expected < 0.97
    with torch.no_grad():  # features are measured without gradients; the probe needs its own
        got = linear_probe_accuracy(x[train], y[train], x[test], y[test], penalty)
    assert got == pytest.approx(expected, abs=3 / 1197)


def test_empty_sets_and_numbers_are_refused():
    x, y = torch.eye(3), torch.arange(3)
    with pytest.raises(ValueError, match="3 images to fit and 0 to classify"):
        linear_probe_accuracy(x, y, x[:0], y[:0])
    with pytest.raises(ValueError, match="penalty=0 must be above 0"):
        linear_probe_accuracy(x, y, x, y, penalty=0)

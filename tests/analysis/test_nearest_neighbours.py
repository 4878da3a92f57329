"""k-nearest neighbours against scikit-learn's."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.neighbors import KNeighborsClassifier

from cnxv2_mm.analysis.nearest_neighbours import knn_accuracy


@pytest.mark.parametrize("k", [1, 20])
def test_it_is_scikit_learns_with_weighted_votes(k):
    data, target = load_digits(return_X_y=True)
    # Noise, so that some answers are wrong and the weights of the votes decide.
    data = data + np.random.default_rng(0).normal(scale=8, size=data.shape)
    train, test = slice(0, 300), slice(300, None)
    oracle = KNeighborsClassifier(k, metric="cosine", weights=lambda distance: np.exp((1 - distance) / 0.07))
    expected = oracle.fit(data[train], target[train]).score(data[test], target[test])
    x, y = torch.from_numpy(data).float(), torch.from_numpy(target)
    assert 0.3 < expected < 0.97
    assert knn_accuracy(x[train], y[train], x[test], y[test], k) == pytest.approx(expected, abs=2 / 1497)


def test_fewer_neighbours_than_k():
    x, y = torch.eye(3), torch.arange(3)
    assert knn_accuracy(x, y, x, y) == 1


def test_empty_sets_and_numbers_are_refused():
    x, y = torch.eye(3), torch.arange(3)
    with pytest.raises(ValueError, match="0 images to choose neighbours from and 3 to classify"):
        knn_accuracy(x[:0], y[:0], x, y)
    with pytest.raises(ValueError, match="k=0"):
        knn_accuracy(x, y, x, y, k=0)

"""Class selectivity against the definition of Morcos et al., written out channel by channel."""

import numpy as np
import pytest
import torch

from cnxv2_mm.analysis.class_selectivity import ClassSelectivity


def by_definition(activity, labels):
    """Activity is (N, C), not negative."""
    classes = np.unique(labels)
    index = []
    for channel in activity.T:
        means = np.array([channel[labels == c].mean() for c in classes])
        best = means.argmax()
        rest = np.delete(means, best).mean()
        index.append((means[best] - rest) / (means[best] + rest))
    return np.array(index)


def test_it_is_the_definition():
    generator = np.random.default_rng(0)
    cells = torch.from_numpy(generator.normal(size=(40, 3, 5, 7)) + 0.3).float()
    labels = torch.arange(40) % 4
    measure = ClassSelectivity(num_classes=6)  # two of them without images
    for start in range(0, 40, 16):
        measure.update(cells[start : start + 16], labels[start : start + 16])
    expected = by_definition(cells.clamp(min=0).mean(dim=(1, 2)).double().numpy(), labels.numpy())
    np.testing.assert_allclose(measure.compute().numpy(), expected, rtol=1e-5)


def test_ends_of_the_scale():
    measure = ClassSelectivity(3)
    cells = torch.ones(3, 2, 3)
    cells[1:, :, 1] = 0  # channel 1 answers to class 0 alone
    cells[..., 2] = -1  # channel 2 answers to none
    measure.update(cells, torch.arange(3))
    assert measure.compute().tolist() == [0, 1, 0]


def test_what_it_needs():
    with pytest.raises(ValueError, match="num_classes=1 must be at least 2"):
        ClassSelectivity(1)
    measure = ClassSelectivity(3)
    measure.update(torch.ones(2, 4, 5), torch.tensor([1, 1]))
    with pytest.raises(ValueError, match="1 classes had images"):
        measure.compute()

"""The measures of features, against numpy and scikit-learn; losses against FCMAE on all images at once."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from cnxv2_mm.analysis.report.images import Normalisation, choose_images, read_batches
from cnxv2_mm.analysis.report.measure import measure
from cnxv2_mm.analysis.report.network import load_network
from tests.analysis.report.conftest import SIZE


def test_spectrum_and_accuracies(v1, v2, results, images, batch):
    with torch.no_grad():
        v1_features = v1(batch)[0]
        v2_features = v2(batch, mode="tensor").mean(dim=(2, 3))
    for result, features in zip(results, (v1_features.double().numpy(), v2_features.double().numpy()), strict=True):
        values = np.linalg.svd(features, compute_uv=False)
        np.testing.assert_allclose(result.singular_values, values, rtol=1e-3, atol=1e-5 * values[0])
        share = values / values.sum() + 1e-7
        assert result.rank_me == pytest.approx(np.exp(-(share * np.log(share)).sum()), rel=1e-3)
        assert result.dim == 20
        test = images.held_out().numpy()
        labels = images.labels.numpy()
        neighbours = KNeighborsClassifier(9, metric="cosine", weights=lambda distance: np.exp((1 - distance) / 0.07))
        assert result.knn == neighbours.fit(features[~test], labels[~test]).score(features[test], labels[test])
        mean, std = features[~test].mean(axis=0), features[~test].std(axis=0)
        scaled = (features - mean) / std
        probe = LogisticRegression(C=1 / (1e-3 * 9), max_iter=1000).fit(scaled[~test], labels[~test])
        assert result.linear_probe == probe.score(scaled[test], labels[test])


def test_losses_are_those_of_the_pre_training(v2, results, batch):
    assert results[0].reconstruction_loss is None
    assert results[0].patch_mean_loss is None
    assert results[0].reconstructions == ()
    with torch.no_grad():
        samples = [s for start in (0, 4, 8) for s in v2.predict(batch[start : start + 4])]
    assert results[1].reconstruction_loss == pytest.approx(np.mean([float(s.loss) for s in samples]), rel=1e-5)
    assert results[1].patch_mean_loss == pytest.approx(np.mean([float(s.patch_mean_loss) for s in samples]), rel=1e-5)


def test_without_classes_what_needs_them_is_none(checkpoints, folder):
    images = choose_images(folder / "chelsea", 3)
    normalisation = Normalisation(3)
    network = load_network(checkpoints[0])
    result = measure(network, images, read_batches(images, SIZE, 2, normalisation), normalisation)
    assert result.knn is None
    assert result.linear_probe is None
    assert all(layer.selectivity is None for layer in result.layers)
    assert len(result.singular_values) == 3
    assert [len(result.of_stage(stage)) for stage in (1, 2, 3, 4)] == [1, 1, 2, 1]

    torch.nn.init.constant_(network.backbone.stages[3][0].pwconv2.bias, float("nan"))
    with pytest.raises(ValueError, match="not finite"):
        measure(network, images, read_batches(images, SIZE, 2, normalisation), normalisation)

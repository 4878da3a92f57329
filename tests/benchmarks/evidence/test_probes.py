"""What is measured of an encoder is what the encoder computes on whole images."""

from dataclasses import replace

import pytest
import torch
from sklearn.neighbors import KNeighborsClassifier

from benchmarks.evidence.fashion import enlarge_images
from benchmarks.evidence.pretraining import build_encoder
from benchmarks.evidence.probes import activity, best, distances, features, probe
from cnxv2_mm.analysis.activations import hidden_layers, watch
from cnxv2_mm.analysis.feature_distance import feature_cosine_distance
from cnxv2_mm.backbone import ConvNeXtV2
from tests.benchmarks.evidence.examples import TINY, digits


@pytest.fixture(scope="module")
def encoder():
    return build_encoder({}, TINY)


def test_features_are_those_of_the_dense_backbone(encoder):
    images = digits(120)[0]
    dense = ConvNeXtV2({"depths": TINY.depths, "channels": TINY.channels}, out_indices=(3,))
    dense.load_state_dict(encoder.state_dict(), strict=False)
    seen = {}
    with torch.no_grad(), watch({"last": dense.stages[3][-1]}, seen.__setitem__, side="output"):
        dense(enlarge_images(images, 64))
    torch.testing.assert_close(features(encoder, images, 64), seen["last"].mean(dim=(1, 2)), rtol=1e-4, atol=1e-5)


def test_distances_are_means_over_images(encoder):
    images = digits(130)[0]
    seen = {}
    everything = torch.ones(130, 2, 2, dtype=torch.bool)
    with torch.no_grad(), watch(hidden_layers(encoder), seen.__setitem__):
        encoder.encode_visible(enlarge_images(images, 64), everything, "masked_dense")
    expected = [feature_cosine_distance(cells).mean().item() for cells in seen.values()]
    assert distances(encoder, images, 64) == pytest.approx(expected, abs=1e-5)
    dead, saturated = activity(encoder, images, 64)
    assert len(dead) == len(saturated) == len(expected)


def test_probes_use_their_own_images(encoder):
    images, labels = digits(240)
    train, held_out, test = ((images[part], labels[part]) for part in (slice(150), slice(150, 190), slice(190, 240)))
    found = probe(encoder, train, held_out, test, TINY)
    x, x_test = (features(encoder, part[0], 64) for part in (train, test))
    oracle = KNeighborsClassifier(20, metric="cosine", weights=lambda d: torch.from_numpy((1 - d) / 0.07).exp().numpy())
    assert found["knn"] == pytest.approx(oracle.fit(x, train[1]).score(x_test, test[1]), abs=1 / 50)
    assert found["probe_penalty"] in TINY.probe_penalties
    assert 1 <= found["rank_me"] <= 32


def test_the_penalty_is_chosen_on_the_held_out_images(encoder, monkeypatch):
    seen = []

    def recorded(x, y, x_of, y_of, penalty):
        seen.append((len(x_of), penalty))
        return penalty

    monkeypatch.setattr("benchmarks.evidence.probes.linear_probe_accuracy", recorded)
    images, labels = digits(240)
    train, held_out, test = ((images[part], labels[part]) for part in (slice(150), slice(150, 190), slice(190, 240)))
    probe(encoder, train, held_out, test, replace(TINY, probe_penalties=(0.1, 0.3, 0.2)))
    assert seen == [(40, 0.1), (40, 0.3), (40, 0.2), (50, 0.3)]


def test_the_best_choice_is_the_first_of_the_highest():
    assert best([1e-3, 1e-2, 1e-1], [0.5, 0.7, 0.7]) == 1e-2

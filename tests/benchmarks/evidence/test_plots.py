"""The curves are the numbers."""

import numpy as np
import pytest
from matplotlib.axes import Axes

from benchmarks.evidence.plots import draw_distances, draw_mask_ratios
from benchmarks.evidence.summary import by_arm
from tests.benchmarks.evidence.examples import example_result


@pytest.fixture
def curves(monkeypatch):
    drawn = []
    plot = Axes.plot
    monkeypatch.setattr(Axes, "plot", lambda self, *args, **kw: drawn.append(args) or plot(self, *args, **kw))
    return drawn


def test_distances_by_layer(tmp_path, curves):
    results = [example_result(name, seed) for name in ("v1", "v2", "v1-supervised") for seed in (0, 1)]
    draw_distances(by_arm(results), tmp_path / "x" / "distances.png")
    assert (tmp_path / "x" / "distances.png").read_bytes().startswith(b"\x89PNG")
    assert len(curves) == 2 * 3  # a panel for each moment, a curve for each arm that was run
    np.testing.assert_allclose(curves[-1][1], np.mean([r["distances"]["1"] for r in results[:2]], axis=0))


def test_accuracy_by_mask_ratio(tmp_path, curves):
    results = [
        example_result("mask-0.8", 0, knn=0.3),
        example_result("v2", 0, knn=0.5),
        example_result("v2", 1, knn=0.7),
    ]
    draw_mask_ratios(by_arm(results), tmp_path / "ratios.png")
    ratios, accuracies = curves[-1]
    assert ratios == [0.6, 0.8]
    assert accuracies == pytest.approx([0.6, 0.3])

"""The heads' scores are spread: a few are high, most are low."""

import pytest
import torch

from benchmarks.export.measure import photograph
from benchmarks.export.random_heads import spread_scores
from tests.benchmarks.export.test_models import small_case


@torch.no_grad()
def test_few_boxes_of_a_detector_are_above_the_threshold():
    _, model = small_case("RetinaNet").build()
    inputs = photograph(160, 192).permute(0, 3, 1, 2)
    batch = model.data_preprocessor({"inputs": list(inputs), "data_samples": []}, False)
    spread_scores(model, lambda: model(batch["inputs"], mode="tensor"))
    first = model(batch["inputs"], mode="tensor")[0][0]  # (1, anchors x classes, 20, 24)
    assert first.mean().item() == pytest.approx(-6, abs=0.1)
    assert first.std().item() == pytest.approx(1.5, abs=0.1)
    scores = first.sigmoid().flatten()
    assert 0.005 < (scores > 0.05).float().mean() < 0.1
    assert scores.unique().numel() > 0.5 * scores.numel()


@torch.no_grad()
def test_one_class_of_a_classifier_wins():
    _, model = small_case("classifier").build()
    inputs = photograph(64, 64).permute(0, 3, 1, 2)
    spread_scores(model, lambda: model.test_step({"inputs": inputs}))
    scores = model.test_step({"inputs": inputs})[0].pred_score
    assert 0.01 < scores.max() < 0.5  # of 1000 classes

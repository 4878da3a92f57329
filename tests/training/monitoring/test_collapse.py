"""The rule at its edges, on networks that have collapsed by construction, and on healthy ones."""

import pytest
import torch

from cnxv2_mm import FCMAE
from cnxv2_mm.analysis.activations import hidden_layers, watch
from cnxv2_mm.analysis.feature_distance import feature_cosine_distance
from cnxv2_mm.training.monitoring.collapse import collapsed_layers
from tests.conftest import photographs


def test_a_quarter_of_the_layers():
    low, high = 0.249, 0.251
    assert collapsed_layers({"a": low, "b": high, "c": high, "d": high}) == ["a"]
    assert collapsed_layers({"a": low, "b": high, "c": high, "d": high, "e": high}) == []
    assert collapsed_layers({"a": low, "b": low, "c": high}) == ["a", "b"]
    assert collapsed_layers({"a": high}) == []


def network():
    torch.manual_seed(0)
    arch = {"depths": (1, 1, 1, 1), "channels": (8, 16, 32, 64)}
    return FCMAE({"type": "cnxv2_mm.ConvNeXtV2", "arch": arch}, {"width": 32})


def distances(model):
    found = {}
    with watch(hidden_layers(model.backbone), lambda name, x: found.update({name: feature_cosine_distance(x).mean()})):
        model.eval()(photographs(8, size=(64, 64)), mode="tensor")
    return {name: float(value) for name, value in found.items()}


def make_channels_parallel(block):
    """Every hidden channel is the first one times a positive number: the same before GELU, scaled by GRN."""
    with torch.no_grad():
        block.pwconv1.weight[:] = block.pwconv1.weight[0]
        block.pwconv1.bias[:] = block.pwconv1.bias[0]
        block.grn.gamma.uniform_(0, 2)


@pytest.mark.parametrize("stages", [(0,), (0, 1, 2, 3)])
def test_parallel_channels(stages):
    model = network()
    for stage in stages:
        make_channels_parallel(model.backbone.stages[stage][0])
    assert collapsed_layers(distances(model)) == [f"stages.{stage}.0" for stage in stages]


def test_a_new_network_and_one_that_has_learnt_are_healthy():
    model = network()
    assert collapsed_layers(distances(model)) == []
    images = photographs(16, size=(64, 64))
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    losses = []
    for _ in range(60):
        loss = model.train().loss(images)["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert sum(losses[-5:]) < 0.9 * sum(losses[:5])
    assert collapsed_layers(distances(model)) == []

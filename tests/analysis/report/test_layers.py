"""What is measured of a block, against its formulas written out and scikit-learn's cosines."""

import numpy as np
import pytest
import torch
from sklearn.metrics.pairwise import cosine_similarity
from torch.nn import functional as F

from cnxv2_mm.backbone import LAYER_NORM_EPS
from cnxv2_mm.layers import GRN_EPS


def first_block(backbone, images):
    """The hidden layer, (N, H, W, 4C), and the output, (N, H, W, C), of the first block, by the paper's formulas."""
    stem_conv, stem_norm = backbone.downsample_layers[0]
    block = backbone.stages[0][0]
    norm = lambda x, layer: F.layer_norm(x, layer.normalized_shape, layer.weight, layer.bias, LAYER_NORM_EPS)  # noqa: E731
    x = norm(F.conv2d(images, stem_conv.weight, stem_conv.bias, stride=4).permute(0, 2, 3, 1), stem_norm)
    y = F.conv2d(x.permute(0, 3, 1, 2), block.dwconv.weight, block.dwconv.bias, padding=3, groups=x.shape[-1])
    hidden = F.gelu(F.linear(norm(y.permute(0, 2, 3, 1), block.norm), block.pwconv1.weight, block.pwconv1.bias))
    if block.grn is not None:
        length = hidden.square().sum(dim=(1, 2), keepdim=True).sqrt()
        relative = length / (length.mean(dim=-1, keepdim=True) + GRN_EPS)
        hidden = block.grn.gamma * (hidden * relative) + block.grn.beta + hidden
    branch = F.linear(hidden, block.pwconv2.weight, block.pwconv2.bias)
    return hidden, x + (branch if block.gamma is None else branch * block.gamma)


@pytest.mark.parametrize("number", [0, 1], ids=["v1", "v2"])
def test_the_first_block(number, v1, v2, results, images, batch):
    with torch.no_grad():
        hidden, output = first_block((v1, v2.backbone)[number], batch)
    layer = results[number].layers[0]
    assert (layer.stage, layer.block, layer.channels) == (1, 1, 32)

    distances = [((1 - cosine_similarity(cells.reshape(-1, 32).T.numpy())) / 2).mean() for cells in hidden]
    assert layer.cosine_distance == pytest.approx(np.mean(distances), rel=1e-4)

    dead = saturated = 0.0
    for cells in hidden.flatten(1, 2).double().numpy():  # (M, 32)
        is_dead = np.abs(cells).max(axis=0) <= 0.01 * np.sqrt((cells**2).mean())
        dead += is_dead.mean() / len(hidden)
        saturated += (~is_dead & (cells.std(axis=0) <= 0.1 * np.abs(cells.mean(axis=0)))).mean() / len(hidden)
    assert layer.activity.dead == pytest.approx(dead)
    assert layer.activity.saturated == pytest.approx(saturated)

    activity = output.clamp(min=0).mean(dim=(1, 2)).double()  # (N, 8)
    first, second = (activity[images.labels == label].mean(dim=0) for label in (0, 1))
    expected = (first - second).abs() / (first + second)
    np.testing.assert_allclose(layer.selectivity, expected.numpy(), rtol=1e-4)


def test_all_blocks_are_there_and_maps_are_those_of_the_last_of_each_stage(v1, results, batch):
    for result in results:
        assert [(layer.stage, layer.block) for layer in result.layers] == [(1, 1), (2, 1), (3, 1), (3, 2), (4, 1)]
        assert [layer.channels for layer in result.layers] == [32, 48, 64, 64, 80]
        assert [maps.shape for maps in result.maps] == [(32, 16, 16), (48, 8, 8), (64, 4, 4), (64, 2, 2)]
    with torch.no_grad():
        hidden, _ = first_block(v1, batch[:1])
    np.testing.assert_allclose(results[0].maps[0], hidden[0].permute(2, 0, 1).numpy(), atol=1e-5)

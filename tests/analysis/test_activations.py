"""Watching layers: what a measure gets is what the layers compute, in our network, mmpretrain's and timm's."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from cnxv2_mm.analysis.activations import blocks, hidden_layers, watch
from cnxv2_mm.backbone import ConvNeXtV2
from cnxv2_mm.layouts import Dense
from tests.conftest import photographs, wake_grn

TINY = {"depths": (1, 1, 2, 1), "channels": (8, 16, 24, 32)}


def networks():
    import timm
    from mmpretrain.models.backbones import ConvNeXt  # behind cnxv2_mm, which brings mmcv's operators

    yield ConvNeXtV2(arch=TINY, out_indices=())
    yield ConvNeXtV2(arch=TINY, out_indices=(3,), use_grn=False, layer_scale_init_value=1e-6)
    for linear in (True, False):
        yield ConvNeXt(arch={"depths": [1, 1, 2, 1], "channels": [8, 16, 24, 32]}, use_grn=True, linear_pw_conv=linear)
    for conv_mlp in (True, False):
        yield timm.models.ConvNeXt(
            depths=(1, 1, 2, 1), dims=(8, 16, 24, 32), use_grn=True, conv_mlp=conv_mlp, ls_init_value=None
        )


@pytest.mark.parametrize("network", list(networks()), ids=lambda n: type(n).__module__)
def test_hidden_layers_and_blocks_of_every_library(network):
    images = photographs(2, size=(64, 96))
    seen = {}
    network.eval()
    with torch.no_grad(), watch(hidden_layers(network), seen.__setitem__):
        run(network, images)
    with torch.no_grad(), watch(blocks(network), lambda name, x: seen.__setitem__(f"{name} out", x), side="output"):
        run(network, images)
    names = list(hidden_layers(network))
    assert len(names) == 5
    assert list(blocks(network)) == names
    sizes = [(16, 24), (8, 12), (4, 6), (4, 6), (2, 3)]
    for name, size, channels in zip(names, sizes, (8, 16, 24, 24, 32), strict=True):
        assert seen[name].shape == (2, *size, 4 * channels)
        assert seen[f"{name} out"].shape == (2, *size, channels)


def run(network, images):
    if isinstance(network, ConvNeXtV2):
        return list(network._encode(images, Dense.of(images)))  # with ``out_indices=()`` too
    return network(images)


def test_what_is_seen_is_the_hidden_layer():
    network = wake_grn(ConvNeXtV2(arch=TINY, out_indices=(0,))).eval()
    images = photographs(2)
    seen, first = {}, network.stages[0][0]
    with torch.no_grad():
        expected = network(images)[0]
        with watch(hidden_layers(network), seen.__setitem__):
            watched = network(images)[0]
        cells = network.downsample_layers[0][1](
            F.conv2d(images, *list(network.downsample_layers[0][0].parameters()), stride=4).permute(0, 2, 3, 1)
        )
        inner = first.norm(
            F.conv2d(cells.permute(0, 3, 1, 2), first.dwconv.weight, first.dwconv.bias, padding=3, groups=8).permute(
                0, 2, 3, 1
            )
        )
        hidden = F.gelu(first.pwconv1(inner))
        norm = hidden.norm(dim=(1, 2), keepdim=True)
        hidden = first.grn.gamma * hidden * norm / (norm.mean(dim=3, keepdim=True) + 1e-6) + first.grn.beta + hidden
    torch.testing.assert_close(watched, expected)
    torch.testing.assert_close(seen["stages.0.0"], hidden, rtol=1e-4, atol=1e-5)
    assert not first.pwconv2._forward_pre_hooks  # and the fused path may run again


def test_packed_cells_are_seen_too():
    network = ConvNeXtV2(arch=TINY, out_indices=())
    visible = torch.tensor([[[True, False, True]], [[False, True, True]]])
    seen = {}
    with watch(hidden_layers(network), seen.__setitem__):
        network.encode_visible(photographs(2, size=(32, 96)), visible, "packed")
    assert seen["stages.0.0"].shape == (2, 2 * 64, 32)
    assert not seen["stages.0.0"].requires_grad


def test_a_network_without_blocks_and_a_module_without_one_tensor_are_refused():
    with pytest.raises(ValueError, match="Sequential has no ConvNeXt blocks"):
        hidden_layers(nn.Sequential(nn.Linear(3, 3)))
    network = ConvNeXtV2(arch=TINY)
    with (
        pytest.raises(ValueError, match="the output of all of it is not one tensor"),
        watch({"all of it": network}, print, side="output"),
    ):
        network(photographs(1))

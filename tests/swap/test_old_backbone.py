"""Measured maps against those of the same backbone run with numbers, and what is refused."""

import pytest
import torch
from mmengine.registry import MODELS

from cnxv2_mm.swap.old_backbone import NUM_IMAGES, Maps, Source, measure
from cnxv2_mm.swap.refusal import SwapRefused
from tests.swap import toys  # noqa: F401  registers

BACKBONES = {
    "mmdet": [
        {"type": "ResNet", "depth": 18, "out_indices": (1, 2, 3)},
        {"type": "MobileNetV2", "out_indices": (4, 7)},
        {"type": "SwinTransformer", "depths": (1, 1, 1, 1), "embed_dims": 24, "num_heads": (1, 1, 1, 1)},
    ],
    "mmseg": [{"type": "ResNetV1c", "depth": 18, "dilations": (1, 1, 2, 4), "strides": (1, 2, 1, 1)}],
    "mmpretrain": [
        {"type": "RegNet", "arch": "regnetx_400mf"},
        {"type": "SwinTransformer", "arch": "tiny"},  # its windows do not fit into the flattest maps
    ],
}


@pytest.mark.parametrize(
    ("scope", "config"), [pytest.param(s, c, id=f"{s}-{c['type']}") for s, cs in BACKBONES.items() for c in cs]
)
def test_what_is_measured_is_what_comes_out(scope, config):
    old = measure(config, scope)
    with MODELS.switch_scope_and_registry(scope) as registry:
        module = registry.build(dict(config))
    module.eval()
    with torch.no_grad():
        maps = module(torch.zeros(NUM_IMAGES, 3, *old.maps.image_size))
    assert old.maps.shapes == tuple(tuple(x.shape) for x in maps)
    assert old.dilated == ("dilations" in config)
    assert not old.mixes_scales
    assert old.param_names == tuple(name for name, _ in module.named_parameters())


def test_maps_tell_their_parts():
    maps = Maps(((2, 6, 8, 4), (2, 5)), sources=(Source(1, False), Source(2, True)))
    assert maps.channels == (6, 5)
    assert maps.cells == ((8, 4), ())
    assert [tuple(x.shape) for x in maps.empty()] == list(maps.shapes)
    assert maps == Maps(maps.shapes)
    last = maps.only([1])
    assert (last.shapes, last.sources) == (((2, 5),), (Source(2, True),))
    assert Maps(maps.shapes).only([0]).shapes == ((2, 6, 8, 4),)


def test_what_each_map_is_computed_from():
    """Counted by hand: a stage's map depends on the modules up to that stage."""
    config = {"type": "ResNet", "depth": 18, "out_indices": (0, 2)}
    with MODELS.switch_scope_and_registry("mmdet") as registry:
        module = registry.build(dict(config))
    later = sum(p.numel() for layer in (module.layer2, module.layer3) for p in layer.parameters())
    first = sum(p.numel() for layer in (module.conv1, module.bn1, module.layer1) for p in layer.parameters())
    assert measure(config, "mmdet").maps.sources == (Source(first, False), Source(first + later, False))


@pytest.mark.parametrize(
    ("scope", "config", "expected"),
    [
        ("mmpretrain", {"type": "VisionTransformer", "arch": "deit-tiny", "out_type": "featmap"}, True),
        ("mmseg", {"type": "VisionTransformer", "num_layers": 2, "out_indices": 1, "img_size": (256, 128)}, True),
        ("mmdet", {"type": "ResNet", "depth": 101, "out_indices": (2,)}, False),
        ("mmdet", {"type": "SwinTransformer", "out_indices": (2,)}, False),
    ],
)
def test_a_network_of_one_stride_is_no_pyramid(scope, config, expected):
    (source,) = measure({**config}, scope).maps.sources
    assert source.one_stride == expected


def test_other_channels_are_those_of_the_images():
    assert measure({"type": "ToyOneMap", "in_channels": 8}, "mmengine").in_channels == 8


@pytest.mark.parametrize(
    ("config", "scope", "kind"),
    [
        ({"type": "ToyTwoInputs"}, "mmengine", "takes more than images"),
        ({"type": "ToyBranchesInTraining"}, "mmengine", "other outputs in training"),
        ({"type": "ToyBareTensor"}, "mmengine", "other outputs"),
        ({"type": "ToyDict"}, "mmengine", "other outputs"),
        ({"type": "NoSuchBackbone"}, "mmengine", "does not build"),
        ({"type": "ICNet", "backbone_cfg": {"type": "ResNetV1c", "depth": 18}}, "mmseg", "wraps a backbone"),
    ],
)
def test_what_is_no_plain_backbone_is_refused(config, scope, kind):
    with pytest.raises(SwapRefused) as caught:
        measure(config, scope)
    assert caught.value.kind == kind
    assert config["type"] in caught.value.reason

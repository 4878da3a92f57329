"""What follows from a row by rules: the network, its parameters, the terms."""

import pytest
import timm
import torch
from mmengine.registry import MODELS

from cnxv2_mm.backbone import ConvNeXtV2
from cnxv2_mm.variants import find_variant
from cnxv2_mm.zoo import COMMERCIAL, WEIGHTS
from cnxv2_mm.zoo.weight import hub_file


def test_a_backbone_is_built_from_its_arguments_alone():
    """V1 has a layer scale and no GRN, V2 the reverse."""
    for name in ("convnext_atto.d2_in1k", "convnextv2_atto_fcmae"):
        weight = WEIGHTS[name]
        with torch.device("meta"):
            backbone = MODELS.build({"type": "cnxv2_mm.ConvNeXtV2", **weight.backbone})
        assert isinstance(backbone, ConvNeXtV2)
        assert (backbone.depths, backbone.channels) == ((2, 2, 6, 2), (40, 80, 160, 320))
        block = backbone.stages[0][0]
        assert (block.grn is None, block.gamma is not None) == (weight.version == 1, weight.version == 1)


def test_a_row_cannot_be_changed_by_changing_its_backbone():
    WEIGHTS["convnext_tiny.fb_in1k"].backbone["arch"] = "huge"
    assert WEIGHTS["convnext_tiny.fb_in1k"].backbone["arch"] == "tiny"


def test_sizes_are_those_of_the_variants_and_one_more():
    others = {name: weight for name, weight in WEIGHTS.items() if weight.backbone["arch"] != weight.size}
    assert {weight.size for weight in others.values()} == {"xxlarge"}
    for weight in others.values():
        variant = find_variant(weight.backbone["arch"])
        assert (variant.depths, variant.channels) == ((3, 4, 30, 3), (384, 768, 1536, 3072))


@pytest.mark.parametrize(
    "name", ["convnext_nano.in12k", "convnext_tiny.dinov3_lvd1689m", "convnext_xxlarge.clip_laion2b_soup_ft_in1k"]
)
def test_parameters_are_those_of_timms_model(name):
    with torch.device("meta"):
        theirs = timm.create_model(name, num_classes=timm.models.get_pretrained_cfg(name).num_classes)
    assert WEIGHTS[name].parameters == sum(p.numel() for p in theirs.parameters())


def test_what_a_licence_allows():
    assert {weight.licence for weight in WEIGHTS.values()} == set(COMMERCIAL)
    assert {weight.commercial for weight in WEIGHTS.values()} == {"yes", "no", "own licence"}


def test_files_of_the_hub_are_told_apart_by_their_repository():
    file = hub_file("timm/convnext_tiny.in12k")
    assert file.name == "timm_convnext_tiny.in12k.safetensors"
    assert file.address == "https://huggingface.co/timm/convnext_tiny.in12k/resolve/main/model.safetensors"

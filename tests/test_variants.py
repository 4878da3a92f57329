"""The sizes, against the paper's parameter counts and the errors of bad ones."""

import pytest
import timm
import torch

from cnxv2_mm import ConvNeXtV2
from cnxv2_mm.variants import NUM_STAGES, STRIDES, VARIANTS, Variant, find_variant

# Parameters with a 1000-class head: mmpretrain's metafile for ConvNeXt V2 @ ee7f2e88; the paper prints them rounded.
PARAMETERS = {
    "atto": 3_708_400,
    "femto": 5_233_240,
    "pico": 9_066_280,
    "nano": 15_623_800,
    "tiny": 28_635_496,
    "base": 88_717_800,
    "large": 197_956_840,
    "huge": 660_289_640,
}
# ConvNeXt V1 with a 1000-class head, facebookresearch/ConvNeXt @ 048efce, rounded as its README prints them (millions).
V1_PARAMETERS = {"tiny": 28.6, "small": 50.2, "base": 88.6, "large": 197.8, "xlarge": 350.2}


def count_with_head(backbone: ConvNeXtV2) -> int:
    head = (backbone.num_features + 1) * 1000
    return sum(p.numel() for p in backbone.parameters()) + head


@pytest.mark.parametrize(("arch", "expected"), PARAMETERS.items())
def test_v2_has_the_published_number_of_parameters(arch, expected):
    with torch.device("meta"):
        assert count_with_head(ConvNeXtV2(arch, out_indices=(3,))) == expected


@pytest.mark.parametrize(("arch", "millions"), V1_PARAMETERS.items())
def test_v1_has_the_published_number_of_parameters(arch, millions):
    with torch.device("meta"):
        backbone = ConvNeXtV2(arch, out_indices=(3,), use_grn=False, layer_scale_init_value=1e-6)
    assert count_with_head(backbone) / 1e6 == pytest.approx(millions, abs=0.06)


def test_the_stages_have_the_strides_of_timm():
    with torch.device("meta"):
        peer = timm.create_model("convnextv2_atto", features_only=True)
        maps = ConvNeXtV2("atto")(torch.empty(1, 3, 96, 64))
    assert list(STRIDES) == peer.feature_info.reduction()
    assert [(96 // x.shape[2], 64 // x.shape[3]) for x in maps] == [(stride, stride) for stride in STRIDES]
    assert len(maps) == NUM_STAGES


def test_a_size_can_be_given_in_numbers():
    assert find_variant({"depths": [1, 1, 2, 1], "channels": [8, 16, 24, 32]}) == Variant((1, 1, 2, 1), (8, 16, 24, 32))


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(ValueError, match=r"arch='mini' is unknown; choose one of atto, femto.*huge"):
        ConvNeXtV2("mini")
    assert set(PARAMETERS) <= set(VARIANTS)


@pytest.mark.parametrize(
    "arch",
    [
        {"depths": (1, 1, 1, 1)},
        {"depths": (1, 1, 1), "channels": (8, 8, 8)},
        {"depths": (1, 1, 1, 1, 1), "channels": (8, 8, 8, 8, 8)},
        {"depths": (1, 1, 0, 1), "channels": (8, 8, 8, 8)},
        {"depths": 3, "channels": (8, 8, 8, 8)},
        {"depths": (1, 1, 1, 1), "channels": (8, 8, 8, 8), "width": 2},
    ],
)
def test_numbers_of_another_form_are_refused(arch):
    with pytest.raises(ValueError, match="four positive integers each"):
        ConvNeXtV2(arch)

"""The same strides in ConvNeXt V2."""

import pytest
import torch

from cnxv2_mm import ConvNeXtV2
from cnxv2_mm.swap.old_backbone import IMAGE_SIZES, NUM_IMAGES, Maps, Source
from cnxv2_mm.swap.refusal import SwapRefused
from cnxv2_mm.swap.stages import Stages, choose_stages, in_millions
from cnxv2_mm.variants import find_variant


def maps(*strides, sources=()):
    shapes = tuple((NUM_IMAGES, 7, IMAGE_SIZES[0][0] // s, IMAGE_SIZES[0][1] // s) for s in strides)
    return Maps(shapes, sources=sources)


@pytest.mark.parametrize(
    ("strides", "from_last_stage", "expected"),
    [
        ((4, 8, 16, 32), False, Stages((0, 1, 2, 3), 32)),
        ((8, 16, 32), False, Stages((1, 2, 3), 32)),
        ((16,), False, Stages((2,), 32)),  # C4: the old last stage is not there
        ((16,), True, Stages((3,), 16)),  # DC5: it is dilated
        ((4, 8, 8, 8), True, Stages((0, 1, 2, 3), 8)),
        ((8, 8), True, Stages((2, 3), 8)),
        ((4, 8, 16, 16), True, Stages((0, 1, 2, 3), 16)),
        ((4, 16), True, Stages((0, 3), 16)),
        ((8, 16, 32), True, Stages((1, 2, 3), 32)),  # dilated behind the last downsampling
    ],
)
def test_choice(strides, from_last_stage, expected):
    assert choose_stages(maps(*strides), from_last_stage) == expected


@pytest.mark.parametrize(
    ("stride", "num_params", "one_stride", "expected"),
    [
        (16, 5_500_000, True, Stages((3,), 16)),  # DeiT-Ti: a network of one stride
        (16, 8_500_000, False, Stages((2,), 32)),  # a ResNet-50 of three stages
        (16, 43_000_000, False, Stages((2,), 32)),  # a ResNet-152 of three stages
        (16, 86_000_000, False, Stages((3,), 16)),
        (8, 2_800_000, False, Stages((1,), 32)),
        (8, 8_500_000, False, Stages((3,), 8)),
        (4, 230_000, False, Stages((0,), 32)),  # the first stage of a ResNet-50
        (4, 230_000, True, Stages((0,), 32)),
        (32, 86_000_000, True, Stages((3,), 32)),
    ],
)
def test_a_whole_network_is_not_replaced_by_first_stages(stride, num_params, one_stride, expected):
    assert choose_stages(maps(stride, sources=(Source(num_params, one_stride),)), False) == expected


def test_the_deepest_map_decides_whether_the_last_stage_is_dilated():
    sources = (Source(200_000, False), Source(60_000_000, False))
    assert choose_stages(maps(8, 16, sources=sources), False) == Stages((1, 3), 16)


def test_a_deep_network_of_stride_4_is_refused():
    """HRNet for poses: 28.5 million parameters, where ConvNeXt V2 tiny's first stage has 0.25."""
    with pytest.raises(SwapRefused, match=r"28\.5 M parameters.* 0\.245 M in size 'tiny'") as caught:
        choose_stages(maps(4, sources=(Source(28_535_552, True),)), False)
    assert caught.value.kind == "scales mixed inside"
    first_stage = ConvNeXtV2("tiny", out_indices=(0,))
    assert in_millions(sum(p.numel() for p in first_stage.parameters())) == "0.245 M"


@pytest.mark.parametrize("strides", [(2, 4, 8), (32, 16, 8), (4, 4), (16, 16, 16, 16), (64,)])
def test_strides_that_convnext_does_not_have_are_refused(strides):
    with pytest.raises(SwapRefused, match="strides"):
        choose_stages(maps(*strides), False)


def test_cells_that_do_not_fill_the_image_are_refused():
    with pytest.raises(SwapRefused, match="not a whole number"):
        choose_stages(Maps(((NUM_IMAGES, 7, 31, 15),)), False)


def test_a_vector_for_each_image_is_the_last_stage():
    assert choose_stages(Maps(((NUM_IMAGES, 7),)), False) == Stages((3,), 32)
    with pytest.raises(SwapRefused, match="2 vectors"):
        choose_stages(Maps(((NUM_IMAGES, 7), (NUM_IMAGES, 7))), False)


@pytest.mark.parametrize("pooled", [False, True])
@pytest.mark.parametrize("stages", [Stages((1, 3), 32), Stages((0, 2, 3), 16), Stages((2, 3), 8)])
def test_the_new_maps_are_what_the_backbone_returns(stages, pooled):
    backbone = ConvNeXtV2(
        "atto", out_indices=stages.out_indices, output_stride=stages.output_stride, gap_before_final_norm=pooled
    ).to("meta")
    outputs = backbone(torch.empty(NUM_IMAGES, 3, *IMAGE_SIZES[0], device="meta"))
    assert stages.maps(find_variant("atto"), pooled, IMAGE_SIZES[0]).shapes == tuple(tuple(x.shape) for x in outputs)

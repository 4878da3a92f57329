"""The same strides in ConvNeXt V2."""

import pytest
import torch

from cnxv2_mm import ConvNeXtV2
from cnxv2_mm.swap.measure import IMAGE_SIZES, NUM_IMAGES, Maps
from cnxv2_mm.swap.refusal import SwapRefused
from cnxv2_mm.swap.stages import Stages, choose_stages
from cnxv2_mm.variants import find_variant


def maps(*strides):
    return Maps(tuple((NUM_IMAGES, 7, IMAGE_SIZES[0][0] // s, IMAGE_SIZES[0][1] // s) for s in strides))


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


@pytest.mark.parametrize("strides", [(2, 4, 8), (32, 16, 8), (4, 4), (16, 16, 16, 16), (64,)])
def test_strides_that_convnext_does_not_have_are_refused(strides):
    with pytest.raises(SwapRefused, match="strides"):
        choose_stages(maps(*strides), False)


def test_cells_that_do_not_fill_the_image_are_refused():
    with pytest.raises(SwapRefused, match="no whole stride"):
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

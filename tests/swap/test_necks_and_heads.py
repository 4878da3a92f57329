"""Necks and heads of the libraries, changed and run."""

import pytest
from mmengine.config import ConfigDict

from cnxv2_mm.swap.necks_and_heads import adapt
from cnxv2_mm.swap.old_backbone import IMAGE_SIZES, NUM_IMAGES, Maps
from cnxv2_mm.swap.refusal import SwapRefused
from tests.swap import toys  # noqa: F401  registers


def maps(channels, strides):
    height, width = IMAGE_SIZES[0]
    return Maps(tuple((NUM_IMAGES, c, height // s, width // s) for c, s in zip(channels, strides, strict=True)))


OLD = maps((64, 128, 256, 512), (4, 8, 16, 32))
NEW = maps((40, 80, 160, 320), (4, 8, 16, 32))


FCN = {"in_channels": 512, "in_index": 3, "channels": 4, "num_classes": 3, "norm_cfg": {"type": "BN"}}


def test_heads_behind_a_neck_stay_as_they_are():
    head = {"type": "NotEvenLookedAt", "in_channels": 512}
    neck = {"type": "FPN", "in_channels": list(OLD.channels), "out_channels": 512, "num_outs": 5}
    model = ConfigDict(neck=neck, bbox_head=head)
    adapt(model, OLD, NEW, "mmdet")
    assert model.neck.in_channels == list(NEW.channels)
    assert model.neck.out_channels == 512
    assert model.bbox_head == head


def test_the_first_of_several_necks_reads_the_maps():
    fpn = {"type": "FPN", "in_channels": list(OLD.channels), "out_channels": 64, "num_outs": 5}
    bfp = {"type": "BFP", "in_channels": 64, "num_levels": 5, "refine_level": 2, "refine_type": "conv"}
    model = ConfigDict(neck=[fpn, bfp])
    adapt(model, OLD, NEW, "mmdet")
    assert model.neck[0].in_channels == list(NEW.channels)
    assert model.neck[1].in_channels == 64  # though the old first map had as many


def test_maps_that_a_neck_passes_on_reach_the_heads():
    old, new = maps((96, 1280), (16, 32)), maps((160, 320), (16, 32))
    neck = {
        "type": "SSDNeck",
        "in_channels": (96, 1280),
        "out_channels": (96, 1280, 512, 256),
        "level_strides": (2, 2),
        "level_paddings": (1, 1),
        "l2_norm_scale": None,
    }
    generator = {
        "type": "SSDAnchorGenerator",
        "scale_major": False,
        "strides": [16, 32, 64, 107],
        "ratios": [[2, 3]] * 4,
        "min_sizes": [48, 100, 150, 202],
        "max_sizes": [100, 150, 202, 253],
    }
    head = {"type": "SSDHead", "in_channels": (96, 1280, 512, 256), "num_classes": 3, "anchor_generator": generator}
    model = ConfigDict(neck=neck, bbox_head=head)
    adapt(model, old, new, "mmdet")
    assert model.neck.in_channels == (160, 320)
    assert model.neck.out_channels == model.bbox_head.in_channels == (160, 320, 512, 256)


def test_segmentation_heads_read_the_maps_of_their_index():
    decode = {"type": "DepthwiseSeparableASPPHead", "in_channels": 512, "in_index": 3, "channels": 32}
    decode.update(dilations=(1, 12), c1_in_channels=64, c1_channels=8, num_classes=3)
    auxiliary = {"type": "FCNHead", "in_channels": 256, "in_index": 2, "channels": 64, "num_classes": 3}
    model = ConfigDict(decode_head=decode, auxiliary_head=[auxiliary], test_cfg={"in_channels": 512})
    adapt(model, OLD, NEW, "mmseg")
    assert (model.decode_head.in_channels, model.decode_head.c1_in_channels) == (320, 40)
    assert model.auxiliary_head[0].in_channels == 160
    assert model.test_cfg.in_channels == 512


def test_the_last_stage_inside_a_head_is_refused():
    model = ConfigDict(roi_head={"type": "StandardRoIHead", "shared_head": {"type": "ResLayer"}})
    with pytest.raises(SwapRefused, match="shared_head") as caught:
        adapt(model, maps((1024,), (16,)), maps((160,), (16,)), "mmdet")
    assert caught.value.by_hand is not None


@pytest.mark.parametrize(
    ("head", "why"),
    [
        (
            {"type": "ToyPickyHead", "width": 512},
            "no key of it states these numbers, and as it is, it does not run",
        ),
        (
            {"type": "ToyRunningHead", "in_channels": 512},
            "with aux.in_channels=320, it does not run: ValueError: bad",
        ),
        (
            {"type": "ToyBareHead", "in_channels": 512},
            "with aux.in_channels=320, it does not build: AssertionError: ",
        ),
    ],
)
def test_a_head_that_cannot_read_the_maps_is_refused(head, why):
    with pytest.raises(SwapRefused) as caught:
        adapt(ConfigDict(aux=head), OLD, NEW, "mmengine")
    assert caught.value.kind == "head"
    assert f"aux ({head['type']}) cannot be made to read maps of 40, 80, 160, 320 channels" in caught.value.reason
    assert why in caught.value.reason
    assert "docs/swap.md" in caught.value.by_hand


def test_a_head_that_gives_something_else_is_refused():
    """One that passes its maps on."""
    old, new = maps((512,), (32,)), maps((320,), (32,))
    with pytest.raises(SwapRefused, match=r"it gives \(\(2, 320, 8, 4\),\) where it gave \(\(2, 512, 8, 4\),\)"):
        adapt(ConfigDict(head={"type": "cnxv2_mm.ContiguousMaps"}), old, new, "mmengine")


def test_a_neck_that_does_not_run_and_does_not_change_is_refused():
    """What it makes of other channels is unknown, so that the heads would be left broken."""
    neck = {"type": "ToyNeckOfTwoImages"}
    with pytest.raises(
        SwapRefused, match=r"ToyNeckOfTwoImages.*missing.*'after'.* 40, 80, 160, 320 is unknown"
    ) as caught:
        adapt(ConfigDict(neck=neck, head={"type": "ToyRunningHead", "in_channels": 512}), OLD, NEW, "mmengine")
    assert caught.value.kind == "neck"


def test_a_neck_that_does_not_run_and_reads_the_new_channels_is_noted():
    model = ConfigDict(neck={"type": "ToyNeckOfTwoImages", "in_channels": 512}, head={"type": "NotEvenLookedAt"})
    (note,) = adapt(model, maps((512,), (32,)), maps((320,), (32,)), "mmengine")
    assert model.neck.in_channels == 320
    assert "could not be tried" in note


def test_a_neck_that_needs_numbers_gets_them():
    model = ConfigDict(neck={"type": "ToyNeckOfNumbers"}, head={"type": "FCNHead", "_scope_": "mmseg", **FCN})
    assert adapt(model, OLD, NEW, "mmengine") == []
    assert model.head.in_channels == 320


def test_a_neck_that_cannot_read_the_maps_is_refused():
    neck = {"type": "ToyRunningHead", "in_channels": 512}
    with pytest.raises(
        SwapRefused, match=r"neck \(ToyRunningHead\).* with neck.in_channels=320, .*bad width"
    ) as caught:
        adapt(ConfigDict(neck=neck), maps((512,), (32,)), maps((320,), (32,)), "mmengine")
    assert caught.value.kind == "neck"


@pytest.mark.parametrize(("rounds_up", "stated"), [(True, [106, 213, 426]), (False, [107, 214, 427])])
def test_a_neck_that_multiplies_its_channels(rounds_up, stated):
    """0.75 x 106.7 is 80. What the neck gives out stays, and so does the head behind it."""
    old, new = maps((96, 192, 384), (8, 16, 32)), maps((80, 160, 320), (8, 16, 32))
    neck = {"type": "ToyWideNeck", "in_channels": [128, 256, 512], "out_channels": [128, 256, 512]}
    head = {"type": "NotEvenLookedAt", "head_module": {"in_channels": [128, 256, 512], "widen_factor": 0.75}}
    model = ConfigDict(neck={**neck, "widen_factor": 0.75, "rounds_up": rounds_up}, bbox_head=head)
    adapt(model, old, new, "mmengine")
    assert model.neck.in_channels == stated
    assert model.neck.out_channels == [128, 256, 512]
    assert model.bbox_head == head


def test_a_neck_whose_product_cannot_be_the_channels_is_refused():
    """3 x 13 is 39 and 3 x 14 is 42; 40 is between."""
    old, new = maps((48,), (32,)), maps((40,), (32,))
    neck = {"type": "ToyWideNeck", "in_channels": [16], "out_channels": [16], "widen_factor": 3, "rounds_up": False}
    with pytest.raises(
        SwapRefused, match=r"neck\.in_channels=\[13\], it does not run: .*to have 39 channels, but got 40"
    ):
        adapt(ConfigDict(neck=neck), old, new, "mmengine")


@pytest.mark.parametrize("neck", [{"type": "mmdet.FPN"}, {"_scope_": "mmdet", "type": "FPN"}])
def test_a_neck_of_another_library(neck):
    """mmseg has an FPN too; only mmdet's makes a fifth map so."""
    rest = {"in_channels": list(OLD.channels), "out_channels": 8, "num_outs": 5, "start_level": 1}
    model = ConfigDict(neck={**neck, **rest, "add_extra_convs": "on_lateral"})
    adapt(model, OLD, NEW, "mmpretrain")
    assert model.neck.in_channels == list(NEW.channels)


def test_a_nested_number_is_found_out_by_running():
    """Kernels of 512 numbers stay, maps of 512 channels do not; the config does not say which is which."""
    model = ConfigDict(head={"type": "ToyKernelHead", "kernel": {"in_channels": 512}, "reader": {"in_channels": 512}})
    adapt(model, OLD, NEW, "mmengine")
    assert model.head.kernel.in_channels == 512
    assert model.head.reader.in_channels == 320

"""Rules for the sizes of a segmenter: ADE20K gets ConvNeXt's numbers, other data what the rule says."""

from pathlib import Path

import numpy as np
import pytest

from cnxv2_mm.analysis.flops import analyse
from cnxv2_mm.config.build import build_on_meta
from cnxv2_mm.recipes.data.label_maps import LabelMaps, Part
from cnxv2_mm.recipes.finetuning.segmentation import Segmentation
from cnxv2_mm.recipes.finetuning.segmenter_sizes import choose_sizes, class_weights, head_width
from tests.recipes.finetuning.starts import start_of

PART = Part(Path("images"), Path("annotations"), (), 4)


def maps(*sizes, pixels=(1, 1), where=(2, 2)):
    classes = tuple(map(str, range(len(pixels))))
    counts = np.array(pixels), np.array(where)
    return LabelMaps(PART, PART, classes, False, False, *counts, np.array(sizes), np.array(sizes), ())


def sizes_of(*sizes, size=None):
    return choose_sizes(maps(*sizes), start_of(), size)


def test_ade20k_gets_convnexts_crops_and_test():
    """facebookresearch/ConvNeXt @ 048efce: crops of 512, the shorter side 512, stride 341 where it slides."""
    found = sizes_of((683, 512), (512, 683), (900, 600), (512, 512))
    assert (found.crop, found.short, found.scale) == (512, 512, (2048, 512))
    assert (found.zoom, found.slide, found.slide_stride, found.resize) == ((0.5, 2.0), False, 341, True)


@pytest.mark.parametrize(
    ("image", "size", "crop", "short", "slide", "resize"),
    [
        ((64, 64), None, 64, 64, False, False),
        ((28, 28), None, 32, 32, False, True),
        ((500, 375), None, 384, 384, False, True),
        ((1280, 1024), None, 512, 1024, True, False),  # cities: twice the resolution, seen in crops
        ((4000, 3000), None, 512, 1024, True, True),
        ((683, 512), 256, 256, 512, True, False),
        ((683, 512), 768, 768, 768, False, True),
    ],
)
def test_sizes_of_other_images(image, size, crop, short, slide, resize):
    found = sizes_of(*[image] * 4, size=size)
    assert (found.crop, found.short, found.slide, found.resize) == (crop, short, slide, resize)
    assert found.settings[0].why == (
        "--size" if size else f"the median image has a shorter side of {min(image)} pixels"
    )


@pytest.mark.parametrize("arch", ["atto", "femto", "pico", "nano", "tiny", "base", "large", "huge"])
def test_the_head_costs_about_what_the_backbone_does(arch):
    start = start_of(arch)
    width = head_width(start)
    head = {"type": "UPerHead", "in_channels": list(start.channels), "in_index": [0, 1, 2, 3], "channels": width}
    norm = {"type": "BN", "requires_grad": True}
    model = build_on_meta(
        {
            "type": "EncoderDecoder",
            "backbone": {"type": "cnxv2_mm.ConvNeXtV2", "arch": arch},
            "decode_head": {**head, "pool_scales": (1, 2, 3, 6), "num_classes": 2, "norm_cfg": norm},
            "test_cfg": {"mode": "whole"},
        },
        "mmseg",
    )
    parts = analyse(model, (3, 256, 256))
    assert 0.3 < parts["decode_head"].flops / parts["backbone"].flops < 1.5
    assert width % 32 == 0
    assert width <= 512


def test_weights_are_median_frequencies():
    """Eigen and Fergus (2015), section 6.3: freq(c) = pixels of c / pixels of images with c; median / freq(c)."""
    # Three maps of 100 labelled pixels: classes 0, 1; 0, 2; 0 alone. Class 3 is nowhere.
    labels = [np.repeat([0, 1], [80, 20]), np.repeat([0, 2], [90, 10]), np.repeat([0], 100)]
    pixels = [sum((one == c).sum() for one in labels) for c in range(4)]
    where = [sum(len(one) for one in labels if c in one) for c in range(4)]
    frequency = [pixels[c] / where[c] for c in range(3)]
    expected = [np.median(frequency) / one for one in frequency]
    weights, why = class_weights(maps((64, 64), pixels=pixels, where=where))
    assert weights == pytest.approx([*expected, 1.0], rel=0.01)
    assert why.startswith("0 has 90% of the pixels: median frequency balancing")


def test_weights_have_limits_and_are_equal_without_a_dominant_class():
    assert class_weights(maps((64, 64), pixels=(50, 50), where=(100, 100)))[0] is None
    weights, _ = class_weights(maps((64, 64), pixels=(99_990, 10), where=(100_000, 100_000)))
    assert weights == (0.5, 10.0)


def test_wishes_that_cannot_be(tmp_path):
    from cnxv2_mm.recipes.finetuning.task import Wishes

    with pytest.raises(ValueError, match="--size 100 must be a multiple of 32"):
        Segmentation().plan(tmp_path, tmp_path, start_of(), Wishes(size=100), lambda done, total: None)
    with pytest.raises(ValueError, match="for images of 4 channels"):
        Segmentation().plan(
            tmp_path, tmp_path, start_of(mean=(1,) * 4, std=(1,) * 4), Wishes(), lambda done, total: None
        )

"""The rules for sizes: mmdet's numbers for data like COCO, and anchors near every object for other data."""

from pathlib import Path

import numpy as np
import pytest
import torch
from mmdet.models.task_modules.prior_generators import AnchorGenerator
from mmdet.structures.bbox import bbox_overlaps

from cnxv2_mm.recipes.data.coco import CocoData
from cnxv2_mm.recipes.finetuning.detector_sizes import choose_sizes
from cnxv2_mm.recipes.finetuning.start import find_start


def data_of(image, smallest, largest, aspect=1.0, per_image=7, number=100):
    """Images of one size, and boxes whose sides are spread between two lengths."""
    rng = np.random.default_rng(0)
    sides = np.exp(rng.uniform(np.log(smallest), np.log(largest), number * per_image))
    return CocoData(
        root=Path(),
        train=Path(),
        val=Path(),
        classes=("a",),
        masks=True,
        num_train=number,
        num_val=1,
        held_out=False,
        findings=(),
        image_sizes=np.tile(np.array(image, float), (number, 1)),
        box_sizes=np.c_[sides / aspect**0.5, sides * aspect**0.5],
        box_images=np.repeat(np.arange(number), per_image),
    )


@pytest.fixture(scope="module")
def tiny():
    return find_start("convnextv2_base_fcmae")


def test_coco_gives_the_numbers_of_mmdet(tiny):
    """640 x 480 photographs with objects of 15 to 400 pixels."""
    sizes = choose_sizes(data_of((640, 480), 15, 400, per_image=50), tiny, 800)
    assert sizes.scale == (1333, 800)
    assert (sizes.anchor_scales, sizes.anchor_ratios) == ((8,), (0.5, 1.0, 2.0))
    assert (sizes.width, sizes.fc_width, sizes.mask_convs) == (256, 1024, 4)
    assert (sizes.proposals, sizes.samples, sizes.detections) == (1000, 512, 100)


@pytest.mark.parametrize(
    ("image", "short"),
    [
        ((160, 160), 160),
        ((640, 480), 480),
        ((1000, 667), 667),
        ((4000, 3000), 800),
        ((3000, 4000), 800),
        ((4000, 1000), 333),
    ],
)
def test_images_are_made_smaller_and_never_larger(tiny, image, short):
    sizes = choose_sizes(data_of(image, 20, 100), tiny)
    assert sizes.scale[1] == short
    factor = min(sizes.scale[0] / max(image), sizes.scale[1] / min(image))
    assert factor <= 1
    assert max(image) * factor <= 1334


@pytest.mark.parametrize(
    ("smallest", "largest", "aspect"),
    [(4, 12, 1), (10, 400, 1), (40, 56, 1.5), (300, 900, 1), (30, 60, 5), (30, 60, 0.2)],
)
def test_every_object_is_near_an_anchor(tiny, smallest, largest, aspect):
    """mmdet's generator makes the anchors; around the same centre they overlap by more than a negative's 0.3."""
    data = data_of((1000, 800), smallest, largest, aspect)
    sizes = choose_sizes(data, tiny)
    generator = AnchorGenerator([4, 8, 16, 32, 64], list(sizes.anchor_ratios), scales=list(sizes.anchor_scales))
    anchors = torch.cat(generator.base_anchors)
    anchors = torch.cat([-(half := (anchors[:, 2:] - anchors[:, :2]) / 2), half], 1)
    half = torch.from_numpy(data.box_sizes).float() / 2
    best = bbox_overlaps(torch.cat([-half, half], 1), anchors).max(1).values
    assert best.min() > 0.3
    assert best.median() > 0.55


def test_many_objects(tiny):
    sizes = choose_sizes(data_of((1000, 800), 10, 30, per_image=200, number=10), tiny)
    assert (sizes.proposals, sizes.samples, sizes.detections) == (1000, 512, 400)


def test_a_narrow_backbone(start):
    sizes = choose_sizes(data_of((160, 160), 40, 56, per_image=5), start)
    assert (sizes.width, sizes.fc_width, sizes.mask_convs) == (16, 64, 2)
    assert (sizes.proposals, sizes.samples, sizes.detections) == (100, 64, 20)
    assert sizes.crop == 0


def test_the_size_that_the_user_says(start):
    sizes = choose_sizes(data_of((1000, 800), 40, 56), start, 480)
    assert sizes.scale == (800, 480)
    assert (sizes.settings[0].name, sizes.settings[0].why) == ("image size", "--size")

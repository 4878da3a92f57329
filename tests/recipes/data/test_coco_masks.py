"""Which masks mmdet and pycocotools can read: both are asked."""

import numpy as np
import pytest
from mmdet.datasets.transforms import LoadAnnotations
from pycocotools import mask as rle

from cnxv2_mm.recipes.data.coco_masks import box_as_mask, has_mask, read_mask

SIZE = (6, 4)  # width and height
FULL = np.asfortranarray(np.pad(np.ones((2, 3), np.uint8), ((1, 1), (1, 2))))
COMPRESSED = {**rle.encode(FULL), "counts": rle.encode(FULL)["counts"].decode()}
SQUARE = [1, 1, 4, 1, 4, 3, 1, 3]


def ignored_by_mmdet(mask):
    loader = LoadAnnotations(with_bbox=True, with_mask=True)
    results = {"instances": [{"bbox": [1, 1, 4, 3], "bbox_label": 0, "ignore_flag": 0, "mask": mask}]}
    return bool(loader({**results, "ori_shape": SIZE[::-1], "height": 4, "width": 6})["gt_ignore_flags"][0])


def area(mask):
    form = rle.frPyObjects(mask, *SIZE[::-1])
    return int(rle.area(rle.merge(form) if isinstance(form, list) else form))


@pytest.mark.parametrize("mask", [[SQUARE], [SQUARE, [0, 0, 5, 0, 5, 3]], {"size": [4, 6], "counts": [5, 2, 2, 2, 13]}])
def test_a_sound_mask_is_left_as_it_is(mask):
    read = read_mask({"segmentation": mask}, *SIZE)
    assert read == mask
    assert not ignored_by_mmdet(read)
    assert area(read) > 0


def test_compressed_run_lengths():
    assert read_mask({"segmentation": COMPRESSED}, *SIZE) == COMPRESSED
    assert not ignored_by_mmdet(COMPRESSED)
    assert rle.area(COMPRESSED) == 6


@pytest.mark.parametrize(
    "mask",
    [
        [[1, 1, 4, 1]],
        [[1, 1, 4, 1, 4]],
        [[1, 1, 4, 1, 4, 3, 1]],
        [[1, 1, 4, 1, 4, None]],
        [[1, 1, 4, 1, 4, float("nan")]],
        SQUARE,  # not in a list of polygons
        "1 1 4 1 4 3",
        {"counts": [24]},
        {"size": [6, 4], "counts": [24]},  # turned
        {"size": [4, 6], "counts": [23]},
        {"size": [4, 6], "counts": ""},
    ],
)
def test_no_mask_at_all(mask):
    assert has_mask({"segmentation": mask})
    assert read_mask({"segmentation": mask}, *SIZE) is None


@pytest.mark.parametrize("mask", [[[1, 1, 4, 1]], [[1, 1, 4, 1, 4, 3, 1]], {"size": [4, 6]}])
def test_mmdet_ignores_such_objects_without_a_word(mask):
    assert ignored_by_mmdet(mask)


def test_polygons_that_are_none_are_left_out():
    assert read_mask({"segmentation": [[1, 1], SQUARE, [0, 0, 1, 1]]}, *SIZE) == [SQUARE]


@pytest.mark.parametrize("mask", [None, [], {}])
def test_an_object_without_a_mask(mask):
    assert not has_mask({"segmentation": mask})
    assert not has_mask({})


def test_a_box_as_a_mask_has_its_area():
    assert area(box_as_mask([1, 1, 3, 2])) == 6

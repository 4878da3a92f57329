"""Masks of what is found: those of mmdet's RoI heads."""

import pytest
import torch
from mmengine.structures import InstanceData

from cnxv2_mm.export.models.region_masks import RegionMasks
from tests.export.models.small_two_stage import CASCADE_MASK, CLASSES, MASK, random_boxes, random_maps, small_detector
from tests.export.models.test_region_boxes import lists

SIZE = (150, 200)


def class_agnostic(model):
    model.roi_head.mask_head.class_agnostic = True


def low_threshold(model):
    model.test_cfg.rcnn.mask_thr_binary = 0.2


def region_masks(head):
    return RegionMasks(head, lists(head.mask_roi_extractor), lists(head.mask_head))


@pytest.mark.parametrize(
    ("name", "change"),
    [
        (MASK, lambda model: None),
        (MASK, class_agnostic),
        (MASK, low_threshold),
        (CASCADE_MASK, lambda model: None),
    ],
)
@pytest.mark.parametrize("count", [20, 0])
@torch.no_grad()
def test_masks_are_those_of_mmdet(name, change, count):
    head = small_detector(name, change).roi_head
    maps, boxes, labels = random_maps(*SIZE), random_boxes(count, *SIZE), torch.randint(CLASSES, (count,))
    metainfo = {"img_shape": SIZE, "ori_shape": SIZE, "scale_factor": (1.0, 1.0)}
    found = InstanceData(bboxes=boxes.clone(), labels=labels, scores=torch.rand(count))
    expected = head.predict_mask(maps, [metainfo], [found])[0].masks
    masks = region_masks(head)(maps, boxes, labels, SIZE)
    assert masks.dtype == torch.bool
    assert masks.shape == expected.shape == (count, *SIZE)
    # A pixel whose value is the threshold but for rounding may be on either side.
    assert (masks != expected).sum() <= 1
    if count:
        assert 0.01 < expected.float().mean() < 0.5


def test_grey_masks_are_refused():
    head = small_detector(MASK, lambda model: model.test_cfg.rcnn.update(mask_thr_binary=-1)).roi_head
    with pytest.raises(ValueError, match="mask_thr_binary=-1 cannot be exported; allowed: above 0"):
        region_masks(head)

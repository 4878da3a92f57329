"""Boxes of the second stage and of a cascade: those of mmdet's RoI heads."""

import pytest
import torch
from mmengine.structures import InstanceData

from cnxv2_mm.export.models.region_boxes import RegionBoxes
from tests.export.models.small_two_stage import (
    CASCADE,
    DOUBLE_HEAD,
    FASTER,
    random_boxes,
    random_maps,
    small_detector,
)

SIZE = (150, 200)


def class_agnostic(model):
    model.roi_head.bbox_head.reg_class_agnostic = True


def class_specific(model):
    for head in model.roi_head.bbox_head:
        head.reg_class_agnostic = False


def convolutions(model):
    model.roi_head.bbox_head.update(type="Shared4Conv1FCBBoxHead", conv_out_channels=16)


def seesaw(model):
    model.roi_head.bbox_head.loss_cls = {"type": "SeesawLoss", "num_classes": 5}


def seesaw_cascade(model):
    for head in model.roi_head.bbox_head:
        head.update(loss_cls={"type": "SeesawLoss", "num_classes": 5}, reg_class_agnostic=False)


def all_detections(model):
    model.test_cfg.rcnn.update(max_per_img=-1, score_thr=0.0)


def nothing_found(model):
    model.test_cfg.rcnn.score_thr = 0.9999


MODELS = [
    (FASTER, lambda model: None),
    (FASTER, class_agnostic),
    (FASTER, convolutions),
    (FASTER, seesaw),
    (FASTER, all_detections),
    (FASTER, nothing_found),
    (CASCADE, lambda model: None),
    (CASCADE, class_specific),
    (CASCADE, seesaw_cascade),
    (DOUBLE_HEAD, lambda model: None),
]


def lists(modules):
    return list(modules) if isinstance(modules, torch.nn.ModuleList) else [modules]


def region_boxes(head):
    return RegionBoxes(head, lists(head.bbox_roi_extractor), lists(head.bbox_head))


@pytest.mark.parametrize(("name", "change"), MODELS)
@pytest.mark.parametrize("proposals", [40, 0])
@torch.no_grad()
def test_boxes_are_those_of_mmdet(name, change, proposals):
    head = small_detector(name, change).roi_head
    maps, boxes = random_maps(*SIZE), random_boxes(proposals, *SIZE)
    metainfo = {"img_shape": SIZE, "scale_factor": (1.0, 1.0)}
    expected = head.predict_bbox(maps, [metainfo], [InstanceData(bboxes=boxes)], head.test_cfg)[0]
    assert (len(expected) == 0) == (proposals == 0 or change is nothing_found)
    found = region_boxes(head)(maps, boxes, SIZE)
    for values, those in zip(found, (expected.bboxes, expected.scores, expected.labels), strict=True):
        torch.testing.assert_close(values, those, atol=1e-5, rtol=1e-5)


def test_another_box_head_is_refused():
    head = small_detector(FASTER, lambda model: None).roi_head
    head.bbox_head.predict_box_type = "rbox"
    with pytest.raises(ValueError, match="Shared2FCBBoxHead with predict_box_type='rbox' cannot be exported"):
        region_boxes(head)


def test_a_head_without_boxes_is_refused():
    head = small_detector(FASTER, lambda model: model.roi_head.bbox_head.update(with_reg=False)).roi_head
    with pytest.raises(ValueError, match="Shared2FCBBoxHead with with_cls=True and with_reg=False cannot be exported"):
        region_boxes(head)

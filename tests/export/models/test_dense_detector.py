"""Dense detectors of mmdet's published configs: what they give beside mmdet's own ``test_step``."""

import pytest
import torch

from cnxv2_mm.export.exported_model import ExportedModel
from cnxv2_mm.export.models.dense_detector import DenseDetector
from tests.export.models.contract import check_targets
from tests.export.models.small_detectors import detector, images, photograph, same_detections, whole

RETINANET = "retinanet/retinanet_r50_fpn_1x_coco.py"
FCOS = "fcos/fcos_r50-caffe_fpn_gn-head_1x_coco.py"

GREY = torch.full((1, 203, 300, 3), 114, dtype=torch.uint8)


def test_targets_give_what_mmdet_gives_at_any_size(tmp_path):
    model = whole(detector(FCOS), DenseDetector)
    found = check_targets(model, images(), tmp_path, dynamic=True)
    assert [len(each["scores"]) for each in found] == [100, 100]


def test_targets_of_one_size_also_for_an_image_without_detections(tmp_path):
    model = whole(detector(RETINANET, score_thr=0.78), DenseDetector)
    found = check_targets(model, [photograph(203, 300), photograph(203, 300, "flower.jpg")], tmp_path, dynamic=False)
    assert all(5 < len(each["scores"]) < 100 for each in found)
    assert len(model.reference(GREY)[1]) == 0
    for name in ("model.onnx", "model.xml"):
        nothing = ExportedModel(tmp_path / name)(GREY.numpy())
        assert {key: value.shape for key, value in nothing.items()} == {"boxes": (0, 4), "scores": (0,), "labels": (0,)}


@pytest.mark.parametrize(
    ("head", "test_cfg"),
    [
        ({}, {}),
        ({}, {"nms_pre": 50}),
        ({}, {"score_thr": 0.6, "nms_pre": -1, "max_per_img": 10_000}),
        ({}, {"min_bbox_size": 12.0}),
        ({}, {"max_per_img": 7}),
        ({}, {"nms": {"type": "nms", "iou_threshold": 0.2, "class_agnostic": True}}),
        ({}, {"nms": {"type": "nms", "iou_threshold": 0.6, "score_threshold": 0.5, "max_num": 40, "split_thr": 30}}),
        ({}, {"nms": None}),
        ({"loss_cls": {"type": "CrossEntropyLoss", "use_sigmoid": False}}, {"score_thr": 0.01}),
    ],
    ids=str,
)
def test_settings_do_what_they_do_in_mmdet(head, test_cfg):
    model = whole(detector(RETINANET, head, **test_cfg), DenseDetector)
    counts = [len(same_detections(model, image)[0]) for image in images()]
    assert min(counts) > 0


def test_boxes_beyond_the_picture_are_dropped_where_mmdet_drops_them():
    def empty(smallest: int) -> int:
        model = whole(detector(FCOS, min_bbox_size=smallest, score_thr=0.001, max_per_img=5000), DenseDetector)
        boxes = same_detections(model, photograph(195, 300))[0]  # filled up with 29 rows
        return int((boxes[:, 2:] == boxes[:, :2]).any(1).sum())

    assert empty(-1) > 10
    assert empty(0) == 0


@pytest.mark.parametrize(
    ("test_cfg", "message"),
    [
        ({"nms": {"type": "soft_nms", "iou_threshold": 0.5}}, "RetinaHead: nms of type='soft_nms' cannot be exported"),
        ({"nms_pre": 0}, "RetinaHead: nms_pre=0 cannot be exported; allowed: 1 or more, or -1"),
        ({"max_per_img": -1}, "RetinaHead: max_per_img=-1 cannot be exported; allowed: 1 or more"),
    ],
)
def test_settings_that_cannot_be_exported_are_refused(test_cfg, message):
    refused(detector(RETINANET, spread=False, **test_cfg), message)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("paa/paa_r50_fpn_1x_coco.py", "PAAHead cannot be exported: its predict_by_feat is not that of BaseDenseHead"),
        ("yolact/yolact_r50_1xb8-55e_coco.py", "YOLACT cannot be exported: its predict is not that of SingleStage"),
        (
            "ssd/ssdlite_mobilenetv2-scratch_8xb24-600e_coco.py",
            "SSDHead cannot be exported: mmdet itself cannot predict",
        ),
    ],
)
def test_detectors_that_predict_in_another_way_are_refused(name, message):
    refused(detector(name, spread=False), message)


def test_a_setting_that_is_missing_is_named():
    model = detector(RETINANET, spread=False)
    del model.bbox_head.test_cfg["max_per_img"]
    refused(model, "RetinaHead cannot be exported: its test_cfg has no 'max_per_img'")


def refused(model, message):
    with pytest.raises(ValueError, match=message) as caught:
        DenseDetector(model)
    assert "\n" not in str(caught.value)

"""YOLOX: what it gives beside mmdet's own ``test_step``."""

import pytest

from cnxv2_mm.export.models.yolox import YOLOXDetector
from tests.export.models.contract import check_targets
from tests.export.models.small_detectors import detector, images, photograph, same_detections, whole

YOLOX = "yolox/yolox_s_8xb8-300e_coco.py"


def test_targets_give_what_mmdet_gives(tmp_path):
    model = whole(detector(YOLOX, score_thr=0.3), YOLOXDetector)
    found = check_targets(model, images(), tmp_path, dynamic=True)
    assert all(len(each["scores"]) > 20 for each in found)


@pytest.mark.parametrize("test_cfg", [{}, {"score_thr": 0.5}, {"nms": {"type": "nms", "iou_threshold": 0.3}}], ids=str)
def test_settings_do_what_they_do_in_mmdet(test_cfg):
    model = whole(detector(YOLOX, **test_cfg), YOLOXDetector)
    boxes = [same_detections(model, image)[0] for image in images()]
    assert min(len(each) for each in boxes) > 5
    assert min(float(each.min()) for each in boxes) < 0  # beyond the picture: they are not clipped


def test_an_image_without_detections():
    model = whole(detector(YOLOX, score_thr=0.999), YOLOXDetector)
    assert [tuple(output.shape) for output in same_detections(model, photograph(203, 300))] == [(0, 4), (0,), (0,)]


def test_other_heads_and_settings_are_refused():
    with pytest.raises(ValueError, match="RetinaHead cannot be exported: its predict_by_feat is not that of YOLOXHead"):
        YOLOXDetector(detector("retinanet/retinanet_r50_fpn_1x_coco.py", spread=False))
    with pytest.raises(ValueError, match="YOLOXHead: nms of type='soft_nms' cannot be exported"):
        YOLOXDetector(detector(YOLOX, spread=False, nms={"type": "soft_nms", "iou_threshold": 0.5}))

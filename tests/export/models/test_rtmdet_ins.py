"""RTMDet and RTMDet-Ins: what they give beside mmdet's own ``test_step``."""

import pytest
import torch

from cnxv2_mm.export.exported_model import ExportedModel
from cnxv2_mm.export.models.dense_detector import DenseDetector
from cnxv2_mm.export.models.rtmdet_ins import RTMDetIns
from tests.export.models.contract import check_targets
from tests.export.models.small_detectors import detector, images, same_detections, whole

RTMDET = "rtmdet/rtmdet_tiny_8xb32-300e_coco.py"
RTMDET_INS = "rtmdet/rtmdet-ins_tiny_8xb32-300e_coco.py"
GREY = torch.full((1, 203, 300, 3), 114, dtype=torch.uint8)


def test_targets_of_rtmdet_give_what_mmdet_gives(tmp_path):
    found = check_targets(whole(detector(RTMDET, nms_pre=1000), DenseDetector), images(), tmp_path, dynamic=True)
    assert [len(each["scores"]) for each in found] == [300, 300]


def test_targets_of_rtmdet_ins_give_what_mmdet_gives(tmp_path):
    model = whole(detector(RTMDET_INS, score_thr=0.6), RTMDetIns)
    found = check_targets(model, images(), tmp_path, dynamic=True)
    assert [each["masks"].shape for each in found] == [(100, 256, 320), (100, 203, 300)]
    assert all(0.02 < each["masks"].mean() < 0.98 for each in found)
    assert len(same_detections(model, GREY)[1]) == 0
    nothing = {"boxes": (0, 4), "scores": (0,), "labels": (0,), "masks": (0, 203, 300)}
    for name in ("model.onnx", "model.xml"):
        outputs = ExportedModel(tmp_path / name)(GREY.numpy())
        assert {key: value.shape for key, value in outputs.items()} == nothing, name


@pytest.mark.parametrize("head", [{}, {"with_objectness": True}, {"exp_on_reg": True}], ids=str)
def test_rtmdet_gives_what_it_gives_in_mmdet(head):
    model = whole(detector(RTMDET, head, nms_pre=500), DenseDetector)
    assert min(len(same_detections(model, image)[0]) for image in images()) > 50


@pytest.mark.parametrize("test_cfg", [{}, {"mask_thr_binary": 0.2, "min_bbox_size": 9.0}, {"max_per_img": 3}], ids=str)
def test_rtmdet_ins_gives_what_it_gives_in_mmdet(test_cfg):
    model = whole(detector(RTMDET_INS, **test_cfg), RTMDetIns)
    for image in images():
        masks = same_detections(model, image)[3]
        assert masks.any()
        assert not masks.all()


def test_each_is_refused_as_the_other():
    with pytest.raises(ValueError, match="RTMDetInsSepBNHead cannot be exported: its predict_by_feat is not that of"):
        DenseDetector(detector(RTMDET_INS, spread=False))
    with pytest.raises(
        ValueError, match="RTMDetSepBNHead cannot be exported: its predict_by_feat is not that of RTMDetIns"
    ):
        RTMDetIns(detector(RTMDET, spread=False))


def test_a_mask_threshold_that_is_missing_is_named():
    model = detector(RTMDET_INS, spread=False)
    del model.bbox_head.test_cfg["mask_thr_binary"]
    with pytest.raises(ValueError, match="its test_cfg has no 'mask_thr_binary'"):
        RTMDetIns(model)

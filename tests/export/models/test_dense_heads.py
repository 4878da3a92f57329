"""The heads of mmdet's published dense detectors: scores and boxes beside mmdet's own."""

import json

import pytest
import torch
from mmdet.models.dense_heads import RetinaHead

from cnxv2_mm.export.differences import differences
from cnxv2_mm.export.exported_model import ExportedModel
from cnxv2_mm.export.models.dense_detector import DenseDetector
from cnxv2_mm.export.models.dense_heads import cells
from cnxv2_mm.export.onnx_file import write_onnx
from cnxv2_mm.export.openvino_file import write_openvino
from cnxv2_mm.export.program import record
from tests.export.models.small_detectors import detector, images, photograph, same_detections, whole


@pytest.mark.parametrize(
    "name",
    [
        "autoassign/autoassign_r50-caffe_fpn_1x_coco.py",
        "centernet/centernet-update_r50-caffe_fpn_ms-1x_coco.py",
        "ddod/ddod_r50_fpn_1x_coco.py",
        "foveabox/fovea_r50_fpn_4xb4-1x_coco.py",
        "free_anchor/freeanchor_r50_fpn_1x_coco.py",
        "fsaf/fsaf_r50_fpn_1x_coco.py",
        "gfl/gfl_r50_fpn_1x_coco.py",
        "nas_fpn/retinanet_r50_fpn_crop640-50e_coco.py",
        "reppoints/reppoints-moment_r50_fpn_1x_coco.py",
        "tood/tood_r50_fpn_1x_coco.py",
        "vfnet/vfnet_r50_fpn_1x_coco.py",
        "yolof/yolof_r50-c5_8xb8-1x_coco.py",
        "atss/atss_r50_fpn_1x_coco.py",
        "fcos/fcos_r50-caffe_fpn_gn-head_1x_coco.py",
    ],
)
def test_heads_give_what_they_give_in_mmdet(name):
    model = whole(detector(name), DenseDetector)
    assert [len(same_detections(model, image)[1]) for image in images()] == [100, 100]


@torch.no_grad()
def test_deformable_convolutions_are_for_onnx_and_one_size(tmp_path):
    model, image = whole(detector("vfnet/vfnet_r50_fpn_1x_coco.py"), DenseDetector), photograph(203, 300)
    file, names = tmp_path / "model.onnx", [output.name for output in model.model.outputs]
    write_onnx(record(model, image, dynamic=False), file, names, {"cnxv2_mm": json.dumps("test")})
    expected, found = [value.numpy() for value in model.reference(image)], ExportedModel(file)(image.numpy())
    compared = differences("detector", model.model.outputs, expected, [found[name] for name in names])
    assert [str(one) for one in compared if not one.is_within] == []
    with pytest.raises(ValueError, match=r"^OpenVINO has no translation of \S*DeformConv"):
        write_openvino(file, tmp_path / "model.xml", {}, fp16=False)
    with pytest.raises(ValueError, match=r"^VFNet cannot be exported with --dynamic: .*; export it with --size$"):
        record(model, image, dynamic=True)


class OwnPrediction(RetinaHead):
    def _predict_by_feat_single(self, *args, **kwargs):
        return super()._predict_by_feat_single(*args, **kwargs)


def test_a_head_of_a_user_that_predicts_in_its_own_way_is_refused():
    head = detector("retinanet/retinanet_r50_fpn_1x_coco.py", spread=False).bbox_head
    cells(head)
    head.__class__ = OwnPrediction
    with pytest.raises(
        ValueError, match="OwnPrediction cannot be exported: its _predict_by_feat_single is not that of"
    ):
        cells(head)

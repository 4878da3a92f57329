"""Which of our classes exports a single-stage detector of mmdet."""

import pytest

from cnxv2_mm.export.models import exportable
from cnxv2_mm.export.models.dense_detector import DenseDetector
from cnxv2_mm.export.models.rtmdet_ins import RTMDetIns
from cnxv2_mm.export.models.yolox import YOLOXDetector
from tests.export.models.small_detectors import detector


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("retinanet/retinanet_r50_fpn_1x_coco.py", DenseDetector),
        ("rtmdet/rtmdet_tiny_8xb32-300e_coco.py", DenseDetector),
        ("rtmdet/rtmdet-ins_tiny_8xb32-300e_coco.py", RTMDetIns),
        ("yolox/yolox_s_8xb8-300e_coco.py", YOLOXDetector),
    ],
)
def test_the_head_decides(name, kind):
    assert type(exportable(detector(name, spread=False))) is kind


def test_others_are_refused_by_name():
    with pytest.raises(ValueError, match="CenterNetHead cannot be exported: its predict_by_feat is not that of"):
        exportable(detector("centernet/centernet_r18_8xb16-crop512-140e_coco.py", spread=False))
    with pytest.raises(ValueError, match="SOLO cannot be exported; these can: "):
        exportable(detector("solo/solo_r50_fpn_1x_coco.py", spread=False))

"""Single-stage detectors of mmdet: which of our classes exports one is decided by what its head does."""

from mmdet.models.dense_heads import RTMDetInsHead, YOLOXHead
from torch import nn

from cnxv2_mm.export.models.dense_detector import DenseDetector
from cnxv2_mm.export.models.detector import Detector
from cnxv2_mm.export.models.overrides import method
from cnxv2_mm.export.models.rtmdet_ins import RTMDetIns
from cnxv2_mm.export.models.yolox import YOLOXDetector

_BY_PREDICTION = {YOLOXHead.predict_by_feat: YOLOXDetector, RTMDetInsHead.predict_by_feat: RTMDetIns}


def single_stage(model: nn.Module) -> Detector:
    """Return a single-stage detector as a function that can be recorded.

    Raises:
        ValueError: It cannot be exported.
    """
    kind = _BY_PREDICTION.get(method(getattr(model, "bbox_head", None), "predict_by_feat"), DenseDetector)
    return kind(model)

"""Published two-stage detectors of mmdet, made small: our backbone, narrow heads, few proposals and classes."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from mmengine.registry import MODELS, init_default_scope
from torch import Tensor, nn

from cnxv2_mm.config.load import load_config

FASTER = "mmdet::faster_rcnn/faster-rcnn_r50_fpn_1x_coco.py"
MASK = "mmdet::mask_rcnn/mask-rcnn_r50_fpn_1x_coco.py"
CASCADE = "mmdet::cascade_rcnn/cascade-rcnn_r50_fpn_1x_coco.py"
CASCADE_MASK = "mmdet::cascade_rcnn/cascade-mask-rcnn_r50_fpn_1x_coco.py"
DOUBLE_HEAD = "mmdet::double_heads/dh-faster-rcnn_r50_fpn_1x_coco.py"

CHANNELS = 32
CLASSES = 5
# Standard deviations of the last layers: so drawn, scores and boxes differ from each other, and few scores are near 1.
_SPREAD = {"rpn_cls": 0.1, "rpn_reg": 0.02, "fc_cls": 0.5, "fc_reg": 0.05, "conv_logits": 0.5}


def small_detector(name: str, change: Callable[[Any], object] = lambda model: None) -> Any:
    """Return a detector of a published config in evaluation mode.

    Args:
        name: Of the config.
        change: What else to change in ``model`` of the config.
    """
    model = load_config(name).model
    init_default_scope("mmdet")
    channels = (8, 16, 32, 64)
    arch = {"depths": (1, 1, 1, 1), "channels": channels}
    model.backbone = {"type": "cnxv2_mm.ConvNeXtV2", "arch": arch, "out_indices": (0, 1, 2, 3)}
    model.neck.update(in_channels=list(channels), out_channels=CHANNELS)
    model.rpn_head.update(in_channels=CHANNELS, feat_channels=CHANNELS)
    for extractor in _list(model.roi_head, "bbox_roi_extractor") + _list(model.roi_head, "mask_roi_extractor"):
        extractor.out_channels = CHANNELS
    for head in _list(model.roi_head, "bbox_head"):
        head.update(in_channels=CHANNELS, num_classes=CLASSES, fc_out_channels=32)
        if "conv_out_channels" in head:
            head.conv_out_channels = 32
    for head in _list(model.roi_head, "mask_head"):
        head.update(in_channels=CHANNELS, num_classes=CLASSES, conv_out_channels=16, num_convs=1)
    model.test_cfg.rpn.update(nms_pre=100, max_per_img=50)
    model.test_cfg.rcnn.max_per_img = 20
    change(model)
    detector = MODELS.build(model).eval()
    for parameter, values in detector.named_parameters():
        for layer, std in _SPREAD.items():
            if f"{layer}." in parameter and values.ndim > 1:
                nn.init.normal_(values, std=std)
    return detector


def random_maps(height: int, width: int, levels: int = 5) -> Sequence[Tensor]:
    """Return features of a picture for the levels with strides 4, 8, ...: (1, C, H, W) each."""
    strides = [4 * 2**level for level in range(levels)]
    return tuple(torch.randn(1, CHANNELS, -(-height // stride), -(-width // stride)) for stride in strides)


def random_boxes(count: int, height: int, width: int) -> Tensor:
    """Return boxes (count, 4) of all sizes inside of a picture; the first has no area."""
    corners = torch.rand(count, 2, 2).sort(dim=1).values * torch.tensor([width, height])
    boxes = corners.flatten(1)  # (count, x1 y1 x2 y2)
    boxes[:1, 2] = boxes[:1, 0]
    return boxes


def _list(model: Any, key: str) -> list[Any]:
    values = model.get(key) or []
    return list(values) if isinstance(values, (list, tuple)) else [values]

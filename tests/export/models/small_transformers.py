"""Published detectors of mmdet with a Transformer, made small: our backbone, one encoder layer, two of the decoder."""

from typing import Any

import torch
from mmcv.ops import MultiScaleDeformableAttention
from mmdet.models.dense_heads import DeformableDETRHead
from mmengine.registry import MODELS, init_default_scope
from sklearn.datasets import load_sample_image
from torch import Tensor, nn

from cnxv2_mm.config.load import load_config
from cnxv2_mm.export.models.base import ExportableModel
from cnxv2_mm.export.picture import Picture
from cnxv2_mm.export.whole_model import WholeModel

PLAIN = "deformable_detr/deformable-detr_r50_16xb2-50e_coco"
REFINED = "deformable_detr/deformable-detr-refine_r50_16xb2-50e_coco"
TWO_STAGE = "deformable_detr/deformable-detr-refine-twostage_r50_16xb2-50e_coco"
DINO = "dino/dino-4scale_r50_8xb2-12e_coco"
DDQ = "ddq/ddq-detr-4scale_r50_8xb2-12e_coco"
DETR = "detr/detr_r50_8xb2-150e_coco"
CONDITIONAL = "conditional_detr/conditional-detr_r50_8xb2-50e_coco"
DAB = "dab_detr/dab-detr_r50_8xb2-50e_coco"
CLASSES = 6


def transformer(name: str, *, divisor: int = 1, **changes: Any) -> Any:
    """Return a detector of a published config in evaluation mode.

    Args:
        name: Of the config.
        divisor: The data preprocessor fills up images to multiples of it. The published configs say 1.
        changes: What else to change in ``model`` of the config.
    """
    model = load_config(f"mmdet::{name}.py").model
    init_default_scope("mmdet")
    channels = (8, 16, 32, 64)
    stages = (1, 2, 3)[-len(model.neck.in_channels) :]
    arch = {"depths": (1, 1, 1, 1), "channels": channels}
    model.backbone = {"type": "cnxv2_mm.ConvNeXtV2", "arch": arch, "out_indices": stages}
    model.neck.in_channels = [channels[stage] for stage in stages]
    model.data_preprocessor.pad_size_divisor = divisor
    model.encoder.num_layers, model.decoder.num_layers = 1, 2
    for part in (model.encoder, model.decoder):
        part.layer_cfg.ffn_cfg.feedforward_channels = 64
    model.num_queries = 30
    model.bbox_head.num_classes = CLASSES
    model.test_cfg = {"max_per_img": 20}
    model.update(changes)
    torch.manual_seed(0)
    detector = MODELS.build(model).eval()
    detector.init_weights()
    _spread(detector)
    return detector


@torch.no_grad()
def _spread(detector: Any) -> None:
    """Draw what is the same everywhere in new weights: queries, places of attention, scores and boxes."""
    head = detector.bbox_head
    if getattr(detector, "query_embedding", None) is not None:
        detector.query_embedding.weight.normal_(std=3.0)
    for layer in detector.modules():
        if isinstance(layer, MultiScaleDeformableAttention):
            layer.sampling_offsets.weight.normal_(std=0.02)
            layer.attention_weights.weight.normal_(std=0.1)
    if isinstance(head, DeformableDETRHead):
        classes, boxes = list(head.cls_branches), [branch[-1] for branch in head.reg_branches]
    else:
        for parameter, values in detector.decoder.named_parameters():
            if "attn" in parameter and values.ndim > 1 and "out_proj" not in parameter:
                values *= 4  # each query attends to few cells, not to all alike
        classes, boxes = [head.fc_cls], [layer for layer in head.fc_reg.modules() if isinstance(layer, nn.Linear)][-1:]
    for layer in classes:
        layer.weight.normal_(std=0.08)
        layer.bias.normal_(mean=-2.0, std=0.5)
    for layer in boxes:
        layer.weight.normal_(std=0.1)


def whole(detector: Any, kind: type[ExportableModel], *, fp16: bool = False) -> WholeModel:
    """The detector with its preprocessing."""
    return WholeModel(Picture(detector.data_preprocessor, reads_rgb=False), kind(detector), fp16=fp16)


def photograph(height: int, width: int) -> Tensor:
    """A part of a photograph: (1, height, width, 3) bytes, RGB."""
    return torch.from_numpy(load_sample_image("china.jpg")[None, 60 : 60 + height, 100 : 100 + width].copy())


def assert_same_as_mmdet(model: WholeModel, image: Tensor) -> None:
    """Compare with mmdet, in order and to the last digits, on scores and boxes that differ from each other."""
    with torch.no_grad():
        expected, found = model.reference(image), model(image)
    boxes, scores, labels = expected
    assert len(scores.unique()) == len(scores) == 20
    assert scores.std() > 0.02
    assert scores.max() < 0.99
    assert len(labels.unique()) > 1
    assert boxes.std(dim=0).min() > 2
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-4)

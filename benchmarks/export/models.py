"""Which models are measured: published configs with ConvNeXt V2 in the place of their backbone, or trained models."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import MODELS, init_default_scope
from torch import nn

from cnxv2_mm.export.models import exportable
from cnxv2_mm.export.picture import Picture
from cnxv2_mm.export.whole_model import WholeModel
from cnxv2_mm.prediction.model import TrainedModel
from cnxv2_mm.prediction.pipeline import ImagePipeline
from cnxv2_mm.prediction.source import Source, find_in_folder
from cnxv2_mm.swap.swap import swap_config

RANDOM = "random"
# Height and width of the picture, by library. Detectors are published for larger ones: here minutes count.
SIZES = {"mmpretrain": (224, 224), "mmdet": (320, 416), "mmseg": (256, 256)}
_CONFIGS = {
    "classifier": "mmpretrain::resnet/resnet50_8xb32_in1k.py",
    "RetinaNet": "mmdet::retinanet/retinanet_r50_fpn_1x_coco.py",
    "FCOS": "mmdet::fcos/fcos_r50-caffe_fpn_gn-head_1x_coco.py",
    "RTMDet": "mmdet::rtmdet/rtmdet_tiny_8xb32-300e_coco.py",
    "Faster R-CNN": "mmdet::faster_rcnn/faster-rcnn_r50_fpn_1x_coco.py",
    "Mask R-CNN": "mmdet::mask_rcnn/mask-rcnn_r50_fpn_1x_coco.py",
    "Cascade Mask R-CNN": "mmdet::cascade_rcnn/cascade-mask-rcnn_r50_fpn_1x_coco.py",
    "Deformable DETR": "mmdet::deformable_detr/deformable-detr_r50_16xb2-50e_coco.py",
    "DINO": "mmdet::dino/dino-4scale_r50_8xb2-12e_coco.py",
    "UperNet": "mmseg::upernet/upernet_r50_4xb4-80k_ade20k-512x512.py",
    "PSPNet": "mmseg::pspnet/pspnet_r50-d8_4xb4-80k_ade20k-512x512.py",
    "DeepLabV3+": "mmseg::deeplabv3plus/deeplabv3plus_r50-d8_4xb4-80k_ade20k-512x512.py",
}
# Of a bigger network there are fewer: a model takes a minute.
_TINY = ("classifier", "RetinaNet", "Mask R-CNN", "UperNet")


@dataclass(frozen=True)
class Case:
    """A model to measure.

    Attributes:
        name: As in the table: 'RetinaNet, atto'.
        config: Its config: of a library, or a file.
        arch: The size of the backbone that is put into it; None for a trained model, which has its own.
        checkpoint: The file of its weights, or 'random'.
        size: Height and width of the picture; None for that of its library in :data:`SIZES`.
    """

    name: str
    config: str
    arch: str | Mapping[str, Any] | None
    checkpoint: str = RANDOM
    size: tuple[int, int] | None = None

    def build(self) -> tuple[Config, nn.Module]:
        """Return the config and the model, in evaluation mode; random weights are the same each time."""
        if self.arch is None:
            trained = TrainedModel(Source(self.config, self.checkpoint))
            return trained.config, trained.model
        config = swap_config(self.config, self.arch, checkpoint="none").config
        init_default_scope(config.default_scope)
        if "data_preprocessor" in config:
            config.model.setdefault("data_preprocessor", config.data_preprocessor)  # as the Runner does
        torch.manual_seed(0)
        return config, revert_sync_batchnorm(MODELS.build(config.model)).eval()  # SyncBatchNorm needs several processes


CASES = tuple(
    Case(f"{name}, {arch}", config, arch)
    for arch, names in (("atto", tuple(_CONFIGS)), ("tiny", _TINY))
    for name, config in _CONFIGS.items()
    if name in names
)


def whole_model(config: Config, model: nn.Module, *, fp16: bool = False) -> WholeModel:
    """Return what is exported of a model.

    Raises:
        ValueError: It cannot be exported.
    """
    picture = Picture(model.data_preprocessor, reads_rgb=ImagePipeline(config).reads_rgb)
    return WholeModel(picture, exportable(model), fp16=fp16)


def trained_case(folder: Path) -> Case:
    """Return the model in a folder of ``cnxv2 finetune``."""
    source = find_in_folder(folder)
    return Case(f"{folder.name}, trained", source.config, None, source.checkpoint)

"""Published detectors of mmdet with a small ConvNeXt V2, whose numbers are spread as those of a trained one are."""

from copy import deepcopy
from functools import cache

import torch
from mmdet.models.dense_heads import TOODHead
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope
from sklearn.datasets import load_sample_image
from torch import Tensor, nn

from cnxv2_mm.export.models.base import ExportableModel
from cnxv2_mm.export.picture import Picture
from cnxv2_mm.export.whole_model import WholeModel
from cnxv2_mm.swap import swap_config

ARCH = {"depths": (1, 1, 1, 1), "channels": (8, 16, 32, 64)}


@cache
def _swapped(name: str) -> Config:
    return swap_config(f"mmdet::{name}", ARCH, checkpoint="none").config


def photograph(height: int, width: int, name: str = "china.jpg") -> Tensor:
    """A part of a photograph: (1, height, width, 3) bytes, RGB."""
    return torch.from_numpy(load_sample_image(name)[None, 60 : 60 + height, 100 : 100 + width].copy())


def images() -> list[Tensor]:
    """Two photographs of different sides, of which those of one are no multiples of 32."""
    return [photograph(256, 320), photograph(203, 300, "flower.jpg")]


def detector(name: str, head: dict | None = None, *, spread: bool = True, **test_cfg: object) -> nn.Module:
    """The detector of a config of mmdet with a small backbone, settings of its head, and of its ``test_cfg``."""
    config = deepcopy(_swapped(name)).model
    if "stacked_convs" in config.get("bbox_head", {}):
        config.bbox_head.stacked_convs = 1  # of up to six that are alike: each takes time to record
    for key, value in (head or {}).items():
        config.bbox_head[key] = value
    for key, value in test_cfg.items():
        config.test_cfg[key] = value
    init_default_scope("mmdet")
    torch.manual_seed(0)
    model = MODELS.build(config).eval()
    if spread:
        draw_numbers(model)
    return model


@torch.no_grad()
def draw_numbers(model: nn.Module) -> None:
    """Draw the weights anew, so that hardly two scores are equal and boxes differ.

    As they are initialised, heads give the same score to hundreds of boxes, and nobody promises an order of those.
    """
    head = model.bbox_head
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean.normal_(std=0.1)
            layer.running_var.uniform_(0.5, 2)
    for layer in head.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    image = model.data_preprocessor({"inputs": [photograph(256, 320)[0].permute(2, 0, 1)]})["inputs"]
    logits = torch.cat([level.flatten() for level in head(model.extract_feat(image))[0]])
    if isinstance(head, TOODHead):
        logits = logits.logit()  # it gives probabilities
    for layer in head.modules():
        # The last layer of the classes
        if isinstance(layer, nn.Conv2d) and layer.out_channels % head.cls_out_channels == 0:
            layer.weight /= logits.std()
            layer.bias.normal_(mean=-3.0, std=0.1)


def whole(model: nn.Module, kind: type[ExportableModel]) -> WholeModel:
    """The model with its preprocessing."""
    return WholeModel(Picture(model.data_preprocessor, reads_rgb=False), kind(model))


def same_detections(model: WholeModel, image: Tensor) -> tuple[Tensor, ...]:
    """Compare with mmdet, in order and to the last digits; return what is detected."""
    with torch.no_grad():
        expected, found = model.reference(image), model(image)
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-5)
    return expected

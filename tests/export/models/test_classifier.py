"""An exported classifier gives the scores that mmpretrain's own ``test_step`` gives."""

from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.registry import init_default_scope
from mmpretrain.registry import MODELS
from sklearn.datasets import load_sample_image
from torch import nn

import cnxv2_mm  # noqa: F401  # registers the backbone
from cnxv2_mm.export.models.classifier import Classifier
from cnxv2_mm.export.picture import Picture
from cnxv2_mm.export.whole_model import WholeModel
from tests.export.models.contract import check_targets

SMALL = {"depths": (1, 1, 1, 1), "channels": (8, 16, 32, 64)}
PHOTOGRAPH = torch.from_numpy(load_sample_image("flower.jpg").copy())
PICTURES = torch.stack([PHOTOGRAPH[:96, :128], PHOTOGRAPH[100:196, 200:328]])


def build(head: dict[str, Any], **arguments: Any) -> nn.Module:
    init_default_scope("mmpretrain")
    torch.manual_seed(0)
    backbone = {"type": "cnxv2_mm.ConvNeXtV2", "arch": SMALL, "out_indices": (3,), "gap_before_final_norm": True}
    config = {
        "type": "mmpretrain.ImageClassifier",
        "data_preprocessor": {"mean": [123.675, 116.28, 103.53], "std": [58.395, 57.12, 57.375], "to_rgb": True},
        "backbone": {**backbone, **arguments.pop("backbone", {})},
        "head": head,
        **arguments,
    }
    model = MODELS.build(config).eval()
    for name, parameter in model.named_parameters():
        if ".grn." in name:
            nn.init.normal_(parameter, std=0.5)
        if name == "head.fc.weight":
            nn.init.normal_(parameter, std=0.2)
    return model


def whole(model: nn.Module, *, fp16: bool = False) -> WholeModel:
    return WholeModel(Picture(model.data_preprocessor, reads_rgb=False), Classifier(model), fp16=fp16)


@torch.no_grad()
def test_linear_head(tmp_path: Path) -> None:
    model = whole(build({"type": "LinearClsHead", "num_classes": 7, "in_channels": 64}))
    scores = model.reference(PICTURES)[0]
    assert scores.shape == (2, 7)
    assert 0.2 < scores.max() < 0.999
    assert model.model.outputs[0].axes == ("images", 7)
    smaller = PICTURES[:1, :64, :80]
    check_targets(model, [PICTURES, smaller], tmp_path, dynamic=True)


@torch.no_grad()
def test_in_half_precision(tmp_path: Path) -> None:
    model = build({"type": "LinearClsHead", "num_classes": 7, "in_channels": 64})
    check_targets(whole(model, fp16=True), [PICTURES], tmp_path, dynamic=False)


@torch.no_grad()
@pytest.mark.parametrize("limit", [{"thr": 0.4}, {"topk": 2}])
def test_several_labels(limit: dict[str, Any]) -> None:
    head = {"type": "MultiLabelLinearClsHead", "num_classes": 7, "in_channels": 64, **limit}
    model = whole(build(head))
    torch.testing.assert_close(model(PICTURES), model.reference(PICTURES))
    assert not torch.allclose(model(PICTURES)[0].sum(1), torch.ones(2))
    assert dict(model.model.description()) == ({"threshold": 0.4} if "thr" in limit else {"most_classes": 2})


@torch.no_grad()
def test_a_neck_and_a_stacked_head() -> None:
    head = {"type": "StackedLinearClsHead", "num_classes": 7, "in_channels": 64, "mid_channels": [16]}
    model = whole(build(head, neck={"type": "GlobalAveragePooling"}, backbone={"gap_before_final_norm": False}))
    torch.testing.assert_close(model(PICTURES), model.reference(PICTURES))


def test_refused() -> None:
    with pytest.raises(ValueError, match="head LinearRegressionHead cannot be exported: it predicts in its own way"):
        Classifier(build({"type": "LinearRegressionHead", "num_classes": 7, "in_channels": 64}))
    with pytest.raises(ValueError, match="head NoneType cannot be exported"):
        Classifier(build(None))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="Linear cannot be exported as a classifier"):
        Classifier(nn.Linear(3, 4))

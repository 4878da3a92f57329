"""A classifier and a detector of toy size with random weights, as a training leaves them: a config and a checkpoint."""

from pathlib import Path

import pytest
import torch
from mmengine.registry import MODELS, init_default_scope
from PIL import Image
from skimage import data

from cnxv2_mm.config.load import load_config
from cnxv2_mm.prediction.source import Source
from tests.conftest import wake_grn

BACKBONE = 'type="cnxv2_mm.ConvNeXtV2", arch=dict(depths=(1, 1, 1, 1), channels=(8, 16, 32, 64))'
CONFIGS = {
    "classifier": f"""
default_scope = "mmpretrain"
model = dict(
    type="ImageClassifier",
    data_preprocessor=dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], to_rgb=True),
    backbone=dict({BACKBONE}, out_indices=(3,), gap_before_final_norm=True),
    head=dict(type="LinearClsHead", num_classes=4, in_channels=64))
test_dataloader = dict(dataset=dict(type="CustomDataset", data_root="nowhere", pipeline=[
    dict(type="LoadImageFromFile"),
    dict(type="ResizeEdge", scale=72, edge="short", backend="pillow", interpolation="bicubic"),
    dict(type="CenterCrop", crop_size=64),
    dict(type="PackInputs")]))
""",
    "detector": f"""
_base_ = "mmdet::retinanet/retinanet_r50_fpn_1x_coco.py"
model = dict(
    backbone=dict(_delete_=True, {BACKBONE}, out_indices=(1, 2, 3)),
    neck=dict(in_channels=[16, 32, 64], start_level=0, out_channels=16, num_outs=3),
    bbox_head=dict(in_channels=16, feat_channels=16, stacked_convs=1, num_classes=4, anchor_generator=dict(
        strides=[8, 16, 32])))
test_dataloader = dict(dataset=dict(pipeline=[
    dict(type="LoadImageFromFile"),
    dict(type="Resize", scale=(128, 96), keep_ratio=True),
    dict(type="PackDetInputs")]))
""",
}
CLASSES = ("ant", "bee", "cat", "dog")


def write_model(kind: str, folder: Path) -> Source:
    config = folder / f"{kind}.py"
    config.write_text(CONFIGS[kind])
    loaded = load_config(str(config))
    init_default_scope(loaded.default_scope)
    torch.manual_seed(0)
    model = wake_grn(MODELS.build(loaded.model))
    for name, parameter in model.named_parameters():
        if name in ("head.fc.weight", "bbox_head.retina_cls.weight"):  # otherwise all scores are almost the same
            torch.nn.init.normal_(parameter, std={"classifier": 0.2, "detector": 0.05}[kind])
    checkpoint = folder / f"{kind}.pth"
    torch.save({"state_dict": model.state_dict(), "meta": {"dataset_meta": {"classes": CLASSES}}}, checkpoint)
    return Source(str(config), str(checkpoint))


@pytest.fixture(scope="session")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Source:
    return write_model("classifier", tmp_path_factory.mktemp("classifier"))


@pytest.fixture(scope="session")
def detector(tmp_path_factory: pytest.TempPathFactory) -> Source:
    return write_model("detector", tmp_path_factory.mktemp("detector"))


@pytest.fixture(scope="session")
def cat(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A photograph of 200 x 150 pixels."""
    file = tmp_path_factory.mktemp("photographs") / "cat.png"
    Image.fromarray(data.chelsea()).crop((100, 20, 300, 170)).save(file)
    return file

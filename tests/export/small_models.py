"""Small models with random weights, photographs, and labels near to what the models find, as files of a user."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from mmengine.registry import MODELS, init_default_scope
from PIL import Image
from skimage import data

from cnxv2_mm.config.load import load_config
from cnxv2_mm.prediction.model import TrainedModel
from cnxv2_mm.prediction.source import Source
from tests.conftest import wake_grn

CLASSES = ("cup", "cat", "rocket", "coin")
BACKBONE = "dict(_delete_=True, type='cnxv2_mm.ConvNeXtV2', arch=dict(depths=(1, 1, 1, 1), channels=(8, 16, 24, 32)))"
_LOADER = """
default_scope = "{scope}"
custom_imports = dict(imports=["cnxv2_mm"])
test_cfg = dict()
test_dataloader = dict(
    batch_size={batch}, num_workers=0, sampler=dict(type="DefaultSampler", shuffle=False), dataset=dict({dataset}))
"""
_NORMALISE = "mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375]"


@dataclass(frozen=True)
class SmallModel:
    """A model of a user.

    Attributes:
        source: Config and checkpoint.
        images: The photographs of its test, of different sizes.
    """

    source: Source
    images: tuple[Path, ...]


def write_photographs(folder: Path) -> tuple[Path, ...]:
    """Write three photographs of different sizes, without loss."""
    folder.mkdir(parents=True)
    parts = {
        "astronaut": data.astronaut()[:240, 100:300],
        "cat": data.chelsea()[20:200, 60:330],
        "coffee": data.coffee()[60:260, 120:420],
    }
    for name, part in parts.items():
        Image.fromarray(part).save(folder / f"{name}.png")
    return tuple(sorted(folder.iterdir()))


def write_config(folder: Path, kind: str, *, resize: str) -> Path:
    """Write the config of a RetinaNet ('detector'), an UperNet ('segmentor') or a classifier, with its test."""
    steps = f'dict(type="LoadImageFromFile"), {resize}'
    if kind == "detector":
        base, scope, batch = "mmdet::_base_/models/retinanet_r50_fpn.py", "mmdet", 1
        dataset = (
            f'type="CocoDataset", test_mode=True, metainfo=dict(classes={CLASSES}), ann_file="{folder}/labels.json", '
            f'data_prefix=dict(img="{folder}/images/"), pipeline=[{steps}'
            'dict(type="LoadAnnotations", with_bbox=True), dict(type="PackDetInputs")]'
        )
        model = (
            "neck=dict(in_channels=[8, 16, 24, 32], out_channels=16, num_outs=4),"
            f"bbox_head=dict(num_classes={len(CLASSES)}, in_channels=16, feat_channels=16, stacked_convs=1,"
            "anchor_generator=dict(strides=[4, 8, 16, 32])), test_cfg=dict(max_per_img=30)"
        )
        evaluator = f'dict(type="CocoMetric", metric="bbox", ann_file="{folder}/labels.json")'
    elif kind == "segmentor":
        base, scope, batch = "mmseg::_base_/models/upernet_r50.py", "mmseg", 1
        dataset = (
            f'type="BaseSegDataset", metainfo=dict(classes={CLASSES}), img_suffix=".png", seg_map_suffix=".png", '
            f'data_root="{folder}", data_prefix=dict(img_path="images", seg_map_path="labels"), pipeline=[{steps}'
            'dict(type="LoadAnnotations"), dict(type="PackSegInputs")]'
        )
        head = f'channels=8, num_classes={len(CLASSES)}, norm_cfg=dict(type="BN")'
        model = (
            f"pretrained=None, decode_head=dict(in_channels=[8, 16, 24, 32], {head}), auxiliary_head=None,"
            "data_preprocessor=dict(size=None)"
        )
        evaluator = 'dict(type="IoUMetric", iou_metrics=["mIoU"])'
    else:
        base, scope, batch = "mmpretrain::_base_/models/convnext_v2/atto.py", "mmpretrain", 3
        dataset = (
            f'type="CustomDataset", metainfo=dict(classes={CLASSES}), ann_file="{folder}/labels.txt", '
            f'data_prefix="{folder}/images", pipeline=[{steps} dict(type="PackInputs")]'
        )
        model = (
            f"head=dict(num_classes={len(CLASSES)}, in_channels=32),"
            f"data_preprocessor=dict(num_classes={len(CLASSES)}, to_rgb=True, {_NORMALISE})"
        )
        evaluator = 'dict(type="Accuracy", topk=(1,))'
    backbone = BACKBONE
    if kind == "classifier":
        backbone = BACKBONE[:-1] + ", out_indices=(3,), gap_before_final_norm=True)"
    file = folder / f"{kind}.py"
    file.write_text(
        f'_base_ = "{base}"\n{_LOADER.format(scope=scope, batch=batch, dataset=dataset)}\n'
        f"test_evaluator = {evaluator}\nmodel = dict(backbone={backbone}, {model})\n"
    )
    return file


def write_model(folder: Path, kind: str, *, resize: str = "") -> SmallModel:
    """Write a model, photographs, and labels: what the model finds, some of it changed, so that scores are between.

    Args:
        folder: Where to; it is made.
        kind: 'detector', 'segmentor' or 'classifier'.
        resize: Steps of the test's pipeline behind the reading of an image, with a comma behind each.
    """
    images = write_photographs(folder / "images")
    config_file = write_config(folder, kind, resize=resize)
    config = load_config(str(config_file))
    init_default_scope(config.default_scope)
    torch.manual_seed(0)
    model = wake_grn(MODELS.build(config.model))
    for name, parameter in model.named_parameters():
        if parameter.ndim > 1:  # otherwise the random start is almost linear, and all places are alike
            torch.nn.init.kaiming_normal_(parameter, nonlinearity="linear")
        if name.startswith(("bbox_head.retina_cls.weight", "bbox_head.retina_reg.weight")):
            parameter.data.mul_(0.2)  # scores below 1, boxes of common sizes
    checkpoint = folder / "model.pth"
    torch.save({"state_dict": model.state_dict(), "meta": {"dataset_meta": {"classes": CLASSES}}}, checkpoint)
    source = Source(str(config_file), str(checkpoint))
    (folder / "labels.json").write_text("{}")
    trained = TrainedModel(source)
    found = [trained.predict(trained.pipeline.load(image), image) for image in images]
    {"detector": _label_boxes, "segmentor": _label_pixels, "classifier": _label_images}[kind](folder, images, found)
    return SmallModel(source, images)


def _label_boxes(folder: Path, images: tuple[Path, ...], found: list) -> None:
    content: dict = {"images": [], "annotations": [], "categories": []}
    content["categories"] = [{"id": i + 1, "name": name} for i, name in enumerate(CLASSES)]
    for number, (image, sample) in enumerate(zip(images, found, strict=True)):
        height, width = sample.ori_shape
        content["images"].append({"id": number, "file_name": image.name, "height": height, "width": width})
        instances = sample.pred_instances
        for i in range(0, min(12, len(instances)), 2):
            left, top, right, bottom = instances.bboxes[i].tolist()
            moved = [left + 0.1 * (right - left) * (i % 4), top, max(right - left, 1), max(bottom - top, 1)]
            row = {"id": len(content["annotations"]) + 1, "image_id": number, "bbox": moved, "iscrowd": 0}
            row["category_id"] = int(instances.labels[i]) + 1
            content["annotations"].append({**row, "area": moved[2] * moved[3]})
    (folder / "labels.json").write_text(json.dumps(content))


def _label_pixels(folder: Path, images: tuple[Path, ...], found: list) -> None:
    (folder / "labels").mkdir()
    for image, sample in zip(images, found, strict=True):
        label_map = sample.pred_sem_seg.data[0].numpy().astype(np.uint8)
        label_map[::3] = 1
        Image.fromarray(label_map).save(folder / "labels" / image.name)


def _label_images(folder: Path, images: tuple[Path, ...], found: list) -> None:
    labels = [int(sample.pred_label) for sample in found]
    labels[0] = (labels[0] + 1) % len(CLASSES)
    lines = [f"{image.name} {label}" for image, label in zip(images, labels, strict=True)]
    (folder / "labels.txt").write_text("\n".join(lines))

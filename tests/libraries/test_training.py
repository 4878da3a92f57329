"""A published config of each library, swapped by the command and trained by the command for a few steps.

`make test-libraries` runs it, with the libraries in the folders that it makes.
"""

import json
import math
from dataclasses import dataclass

import pytest
import torch

from cnxv2_mm.checkpoints import allow_checkpoint_types
from tests.libraries.digits import write_digits
from tests.libraries.environment import run_python
from tests.test_structure import ROOT

pytestmark = pytest.mark.libraries

NUM_IMAGES = 6
COMMON = """
_base_ = ["swapped.py"]
train_cfg = dict(max_epochs=2, val_interval=2)
default_hooks = dict(logger=dict(interval=1), checkpoint=dict(interval=1, save_best=None))
loader = dict(batch_size=3, num_workers=0, persistent_workers=False)
"""


@dataclass(frozen=True)
class Case:
    """What is trained.

    Attributes:
        config: A published config.
        data: What a file that inherits from the swapped one says about the data in ROOT.
        score: What its validation reports.
    """

    config: str
    data: str
    score: str


CASES = {
    "mmpose": Case(
        "mmpose::body_2d_keypoint/topdown_heatmap/coco/td-hm_res50_8xb64-210e_coco-256x192.py",
        """
digits = dict(data_root="ROOT/", ann_file="coco.json", data_prefix=dict(img="images/"))
train_dataloader = dict(loader, dataset=digits)
val_dataloader = test_dataloader = dict(loader, dataset=dict(digits, bbox_file=None))
val_evaluator = test_evaluator = dict(ann_file="ROOT/coco.json")
""",
        "coco/AP",
    ),
    "mmrotate": Case(
        "mmrotate::rotated_retinanet/rotated-retinanet-rbox-le90_r50_fpn_1x_dota.py",
        """
pipeline = [
    dict(type="mmdet.LoadImageFromFile"),
    dict(type="mmdet.LoadAnnotations", with_bbox=True, box_type="qbox"),
    dict(type="ConvertBoxType", box_type_mapping=dict(gt_bboxes="rbox")),
    dict(type="mmdet.Resize", scale=(128, 128), keep_ratio=True),
]
keys = ("img_id", "img_path", "ori_shape", "img_shape", "scale_factor")
packed = [*pipeline, dict(type="mmdet.PackDetInputs", meta_keys=keys)]
digits = dict(data_root="ROOT/", ann_file="dota/", data_prefix=dict(img_path="images/"), pipeline=packed)
train_dataloader = val_dataloader = test_dataloader = dict(loader, dataset=digits)
""",
        "dota/mAP",
    ),
    "mmyolo": Case(
        "mmyolo::yolov8/yolov8_n_syncbn_fast_8xb16-500e_coco.py",
        """
pipeline = [
    dict(type="LoadImageFromFile"),
    dict(type="LoadAnnotations", with_bbox=True),
    dict(type="YOLOv5KeepRatioResize", scale=(96, 96)),
    dict(type="LetterResize", scale=(96, 96), allow_scale_up=True, pad_val=dict(img=114)),
]
keys = ("img_id", "img_path", "ori_shape", "img_shape", "scale_factor", "pad_param")
packed = [*pipeline, dict(type="mmdet.PackDetInputs", meta_keys=keys)]
digits = dict(data_root="ROOT/", ann_file="coco.json", data_prefix=dict(img="images/"), pipeline=packed)
digits.update(metainfo=dict(classes=("person",)), filter_cfg=dict(filter_empty_gt=False, min_size=8))
train_dataloader = dict(loader, dataset=digits)
val_dataloader = test_dataloader = dict(loader, dataset=dict(digits, batch_shapes_cfg=None))
val_evaluator = test_evaluator = dict(ann_file="ROOT/coco.json")
model = dict(bbox_head=dict(head_module=dict(num_classes=1)), train_cfg=dict(assigner=dict(num_classes=1)))
custom_hooks = []  # they count on 500 epochs
""",
        "coco/bbox_mAP",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_swapped_config_trains(name, tmp_path):
    case = CASES[name]
    write_digits(tmp_path, NUM_IMAGES)
    (tmp_path / "on_digits.py").write_text((COMMON + case.data).replace("ROOT", str(tmp_path)))
    tools = str(ROOT / "tools")
    swap = [f"{tools}/swap_backbone.py", case.config, "--arch", "atto", "--weights", "none", "-o", "swapped.py"]
    run_python(name, *swap, cwd=tmp_path)
    run_python(name, f"{tools}/train.py", "on_digits.py", "--work-dir", "run", cwd=tmp_path)

    (log,) = (tmp_path / "run").glob("*/vis_data/scalars.json")
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    losses = [line["loss"] for line in lines if "loss" in line]
    assert len(losses) == 2 * NUM_IMAGES / 3
    assert all(math.isfinite(loss) for loss in losses)
    (score,) = [line[case.score] for line in lines if case.score in line]
    assert -1 <= score <= 1
    allow_checkpoint_types()
    checkpoint = torch.load(tmp_path / "run" / "epoch_2.pth", weights_only=True)
    assert any(name.startswith("backbone.") and name.endswith("grn.gamma") for name in checkpoint["state_dict"])
    # No layer begins at a rate of its own.
    groups = checkpoint["optimizer"]["param_groups"]
    assert len(groups) > 10
    assert all(group["lr"] <= group["initial_lr"] <= 1e-3 for group in groups)

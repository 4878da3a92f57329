"""The recipes that people start from train on small real images; a frozen backbone stays what the file holds."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
import timm
import torch
from mmengine.config import Config

from cnxv2_mm.backbone import ConvNeXtV2
from tests.configs import images
from tests.configs.common import DINO, DINO_FROZEN, LOW_DATA, MULTICHANNEL, ROOT, RTMDET, RTMDET_FROZEN
from tests.configs.conftest import SMALL_MASK_RCNN, SMALL_UPERNET
from tests.configs.trained import check_trained

COCO = """
data = dict(data_root="{root}/")
train_dataloader = dict(loading, batch_size=2, dataset=dict(data, pipeline=train_pipeline))
test_pipeline = _base_.test_pipeline
test_pipeline[1].scale = (64, 64)
val_dataloader = dict(loading, dataset=dict(data, pipeline=test_pipeline))
val_evaluator = dict(ann_file="{root}/annotations/instances_val2017.json")
train_cfg = dict(max_epochs=1, val_interval=1)
param_scheduler = []  # three steps would be warm-up, too small to show in float32
default_hooks = dict(checkpoint=dict(interval=1))
"""
# mmdet's widths of the Transformer are written in many places, and stay.
SMALL_DINO = """
model = dict(
    num_queries=10,
    backbone=dict(backbone, init_cfg=dict(checkpoint="{weights}")),
    neck=dict(in_channels=[16, 32, 64]),
    encoder=dict(num_layers=1),
    decoder=dict(num_layers=2),
    bbox_head=dict(num_classes=10),
    test_cfg=dict(max_per_img=50),
)
scales = dict(type="RandomChoiceResize", scales=[(64, 64), (80, 80)], keep_ratio=True)
train_pipeline = [*_base_.train_pipeline[:3], scales, _base_.train_pipeline[-1]]
"""
SMALL_RTMDET = """
model = dict(
    backbone=dict(backbone, init_cfg=dict(checkpoint="{weights}")),
    neck=dict(in_channels=[16, 32, 64], out_channels=16, num_csp_blocks=1, norm_cfg=dict(num_groups=4)),
    bbox_head=dict(num_classes=10, in_channels=16, feat_channels=16, norm_cfg=dict(num_groups=4)),
)
train_pipeline = _base_.train_pipeline
for step in train_pipeline:
    for key, size in (("img_scale", 64), ("scale", 128), ("crop_size", 64), ("size", 64)):
        if key in step:
            step[key] = (size, size)
del step, key, size
_base_.test_pipeline[2].size = (64, 64)
"""
DETECTORS = {DINO: SMALL_DINO, DINO_FROZEN: SMALL_DINO, RTMDET: SMALL_RTMDET, RTMDET_FROZEN: SMALL_RTMDET}


@pytest.fixture(scope="module")
def dinov3(tmp_path_factory):
    """A file of DINOv3's form, small and random: timm's network of that name."""
    file = tmp_path_factory.mktemp("timm") / "dinov3.pth"
    sizes = {"depths": (1, 1, 2, 1), "dims": (8, 16, 32, 64)}
    torch.manual_seed(0)
    network = timm.create_model("convnext_tiny.dinov3_lvd1689m", pretrained=False, **sizes)
    for name, parameter in network.named_parameters():
        if name.endswith("bias"):  # from zeros: norms would magnify the gradients of padded cells, which are all zero
            torch.nn.init.normal_(parameter, std=0.02)
    torch.save(network.state_dict(), file)
    return file


def loaded(file: Path):
    """The backbone before the training: that of the config that the run has written, filled from the file."""
    (config,) = file.parent.glob("*.py")
    settings = dict(Config.fromfile(config).model.backbone)
    assert settings.pop("type") == "cnxv2_mm.ConvNeXtV2"
    network = ConvNeXtV2(**settings)
    network.init_weights()
    return {f"backbone.{name}": tensor for name, tensor in network.state_dict().items()}


@pytest.mark.parametrize("path", DETECTORS)
def test_detector(train, coco, dinov3, path):
    changes = DETECTORS[path].format(weights=dinov3) + COCO.format(root=coco)
    file = train(path.removeprefix("configs/"), changes)
    before = loaded(file)
    after = {name: tensor for name, tensor in check_trained(file, steps=3).items() if name.startswith("backbone.")}
    assert before.keys() == after.keys()
    changed = {name for name in after if not torch.equal(before[name], after[name])}
    if "-frozen" in path:
        assert changed == set()
    else:
        assert {name for name in after if name.endswith("conv.weight") or "pwconv" in name} <= changed


def test_low_data_copied_and_its_first_two_values_set(train, coco, dinov3, tmp_path):
    """As its header says, on the tree that its header says."""
    data = tmp_path / "my_images"
    for name in ("train", "val"):
        (data / "annotations").mkdir(parents=True, exist_ok=True)
        (data / name).symlink_to(coco / f"{name}2017")
        (data / "annotations" / f"{name}.json").symlink_to(coco / "annotations" / f"instances_{name}2017.json")
    text = (ROOT / LOW_DATA).read_text()
    for old, new in (
        ('"./', f'"{ROOT}/configs/coco/'),
        ('classes = ("cat", "dog")', f"classes = {images.COCO_NAMES}"),
        ('data_root = "data/my_images/"', f'data_root = "{data}/"'),
    ):
        assert text.count(old) == 1
        text = text.replace(old, new)
    copy = tmp_path / "copy.py"
    copy.write_text(text)
    bbox_head = "dict(in_channels=16, fc_out_channels=32)"
    changes = f"""
{SMALL_MASK_RCNN.format(weights=dinov3, bbox_head=bbox_head)}
train_pipeline[2].scale = (64, 64)
train_pipeline[3].crop_size = (64, 64)
train_dataloader = dict(loading, batch_size=2, dataset=dict(pipeline=train_pipeline))
test_pipeline = _base_.test_pipeline
test_pipeline[1].scale = (64, 64)
val_dataloader = dict(loading, dataset=dict(pipeline=test_pipeline))
train_cfg = dict(max_iters=4, val_interval=2)
default_hooks = dict(checkpoint=dict(interval=2))
"""
    file = train(str(copy), changes, "--amp")
    weights = check_trained(file, steps=4)
    assert file.name == "iter_4.pth"  # one is kept, and the best one
    assert len(list(file.parent.glob("best_coco_bbox_mAP_iter_*.pth"))) == 1
    assert weights["roi_head.bbox_head.fc_cls.weight"].shape[0] == 10 + 1
    assert weights["roi_head.mask_head.conv_logits.weight"].shape[0] == 10
    newest = torch.load(file, weights_only=False)["ema_state_dict"]  # mmengine stores the two exchanged
    name = "roi_head.bbox_head.fc_cls.weight"
    step = (newest[f"module.{name}"] - weights[name]).abs().max()
    assert step > 0


def test_multichannel_upernet_from_its_own_pre_training(run_training, train, tmp_path):
    """Both files, one after the other, on tiles of eight channels: photographs, and label maps of their digits."""
    data = tmp_path / "tiles"
    for i, (image, mask, _) in enumerate(images.pictures(6)):
        tile = np.concatenate([image, 255 - image, image[..., :2]], axis=2)
        for split in ("train", "val"):
            folder = data / "images" / split
            folder.mkdir(parents=True, exist_ok=True)
            tifffile.imwrite(folder / f"{i}.tif", tile)
            images.write(data / "labels" / split / f"{i}.png", mask.astype(np.uint8) + i % 2)
    small = "arch=dict(_delete_=True, depths=(1, 1, 2, 1), channels=(8, 16, 32, 64))"
    (tmp_path / "folder_multichannel.py").write_text(
        f"""_base_ = "{ROOT}/configs/fcmae/folder_multichannel.py"
model = dict(backbone=dict({small}))
train_pipeline = _base_.train_pipeline
train_pipeline[1].scale = 64
loading = dict(num_workers=0, persistent_workers=False)
train_dataloader = dict(loading, batch_size=5, dataset=dict(data_root="{data}/images/train", pipeline=train_pipeline))
train_cfg = dict(max_epochs=1)
default_hooks = dict(checkpoint=dict(interval=1))
custom_hooks = []
"""
    )
    run_training([str(tmp_path / "folder_multichannel.py"), "--work-dir", str(tmp_path / "pre_training")])
    weights_file = tmp_path / "pre_training/epoch_1.pth"
    changes = f"""
{SMALL_UPERNET.format(weights=weights_file)}
train_pipeline[3].scale = (64, 64)
train_pipeline[4].crop_size = (64, 64)
data = dict(data_root="{data}")
train_dataloader = dict(loading, batch_size=4, dataset=dict(data, pipeline=train_pipeline))
val_dataloader = dict(loading, dataset=data)
train_cfg = dict(max_iters=3, val_interval=3)
default_hooks = dict(checkpoint=dict(interval=3))
"""
    file = train(MULTICHANNEL.removeprefix("configs/"), changes, "--amp")
    weights = check_trained(file, steps=3)
    assert weights["backbone.downsample_layers.0.0.weight"].shape == (8, 8, 4, 4)
    assert weights["decode_head.conv_seg.weight"].shape[0] == 3
    pre_trained = torch.load(weights_file, weights_only=False)["state_dict"]
    stem = "backbone.downsample_layers.0.0.weight"
    assert torch.equal(loaded(file)[stem], pre_trained[stem])

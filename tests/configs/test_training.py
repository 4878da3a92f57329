"""Every task's recipe trains on small real images by ``tools/train.py``, with its data and its sizes overridden."""

import math
import re

import numpy as np
import pytest
import tifffile
from skimage import data

from tests.configs import trained
from tests.configs.common import ROOT
from tests.configs.conftest import SIZES, SMALL_MASK_RCNN, SMALL_UPERNET

CLASSES = tuple(map(str, range(10)))


def check_trained(file, steps):
    """That many updates, finite weights, GRN away from the zeros where it starts."""
    weights = trained.check_trained(file, steps)
    assert any(w.abs().max() > 0 for name, w in weights.items() if name.endswith("grn.gamma"))
    return weights


PRE_TRAINING = """
model = dict(backbone=backbone)
train_pipeline = _base_.train_pipeline
train_pipeline[1].scale = 64
train_dataloader = dict(loading, batch_size=5, dataset=dict({data}, pipeline=train_pipeline))
train_cfg = dict(max_epochs=2)
default_hooks = dict(checkpoint=dict(interval=2))
"""
CLASSIFICATION = """
model = dict(
    data_preprocessor=dict(num_classes=10),
    backbone=dict(backbone, init_cfg=dict(checkpoint="{weights}")),
    head=dict(in_channels=64, num_classes=10),
)
train_pipeline = _base_.train_pipeline
train_pipeline[1].scale = 64
train_dataloader = dict(loading, batch_size=10, dataset=dict({data}, pipeline=train_pipeline))
train_cfg = dict(max_epochs=1)
default_hooks = dict(checkpoint=dict(interval=1))
"""
VALIDATION = "val_dataloader = dict(loading, dataset=dict({data}))\nval_evaluator = dict(topk=(1,))\n"
DETECTION = (
    SMALL_MASK_RCNN
    + """
{pipeline}
data = dict(data_root="{root}/")
train_dataloader = dict(loading, batch_size=2, dataset=dict(data, pipeline=train_pipeline))
test_pipeline = _base_.test_pipeline
test_pipeline[1].scale = (64, 64)
val_dataloader = dict(loading, dataset=dict(data, pipeline=test_pipeline))
val_evaluator = dict(ann_file="{root}/annotations/instances_val2017.json")
train_cfg = dict(max_epochs=1)
"""
)
SEGMENTATION = (
    SMALL_UPERNET
    + """
train_pipeline[2].scale = (256, 64)
train_pipeline[3].crop_size = (64, 64)
data = dict(data_root="{root}")
train_dataloader = dict(loading, dataset=dict(data, pipeline=train_pipeline))
test_pipeline = _base_.test_pipeline
test_pipeline[1].scale = (256, 64)
val_dataloader = dict(loading, dataset=dict(data, pipeline=test_pipeline))
train_cfg = dict(max_iters=3, val_interval=3)
default_hooks = dict(checkpoint=dict(interval=3))
"""
)


@pytest.fixture(scope="module")
def weights(run_training, class_folders, tmp_path_factory):
    """The checkpoint of a pre-training by the recipe, on 20 images of 64 pixels: what the other tasks start from."""
    folder = tmp_path_factory.mktemp("pretrained")
    changes = PRE_TRAINING.format(data=f'data_root="{class_folders}", metainfo=dict(classes={CLASSES})')
    (folder / "fcmae.py").write_text(
        f'_base_ = "{ROOT}/configs/fcmae/fcmae_convnextv2-base_64xb64-800e_in1k.py"\n{SIZES}{changes}'
    )
    run_training([str(folder / "fcmae.py"), "--work-dir", str(folder / "run")])
    return folder / "run" / "epoch_2.pth"


def test_pre_training(weights):
    names = check_trained(weights, steps=8)
    assert any(name.startswith("decoder.") for name in names)


def test_pre_training_with_accumulation_updates_once_a_few_iterations(train, class_folders):
    changes = PRE_TRAINING.format(data=f'data_root="{class_folders}", metainfo=dict(classes={CLASSES})')
    changes += "optim_wrapper = dict(accumulative_counts=2)\n"
    file = train("fcmae/fcmae_convnextv2-base_1xb128-accum32-1600e_in1k.py", changes)
    check_trained(file, steps=4)


def test_pre_training_in_mixed_precision(train, class_folders):
    changes = PRE_TRAINING.format(data=f'data_root="{class_folders}", metainfo=dict(classes={CLASSES})')
    file = train("fcmae/fcmae_convnextv2-base_64xb64-amp-1600e_in1k.py", changes, "--amp")
    check_trained(file, steps=8)


def test_pre_training_on_a_folder(train, class_folders):
    file = train("fcmae/folder.py", PRE_TRAINING.format(data=f'data_root="{class_folders}"'))
    steps = 2 * math.ceil((40 - 4) / 5)  # train/ and val/, 20 images each; one in ten is held out
    check_trained(file, steps)
    assert {path.name for path in file.parent.rglob("*.png")} == {f"reconstruction_{i}.png" for i in (0, steps)}
    log = next(file.parent.glob("*/*.log")).read_text()
    assert re.findall(r"Step (\d+), held-out images: loss: \S+ .*rank_me: \S+", log) == ["0", str(steps)]
    assert "images_per_second" in log


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_pre_training_on_images_of_eight_channels(train, tmp_path, dtype):
    """Crops of a photograph, its channels and their differences, as TIFF files of (height, width, channels)."""
    photograph = data.astronaut()
    tiles = tmp_path / "tiles"
    tiles.mkdir()
    for i in range(10):
        crop = photograph[30 * i : 30 * i + 80, 20 * i : 20 * i + 96].astype(dtype)
        tifffile.imwrite(tiles / f"{i}.tif", np.concatenate([crop, crop[..., ::-1], crop[..., :2]], axis=2))
    file = train("fcmae/folder_multichannel.py", PRE_TRAINING.format(data=f'data_root="{tiles}"'))
    found = check_trained(file, steps=4)
    assert found["backbone.downsample_layers.0.0.weight"].shape == (8, 8, 4, 4)


@pytest.mark.parametrize(
    "name", ["convnextv2-tiny_32xb32-300e_in1k", "convnextv2-tiny_in22k-pre_16xb32-90e_in1k-384px"]
)
def test_fine_tuning(train, class_folders, weights, name):
    labelled = f'data_root="{class_folders}", metainfo=dict(classes={CLASSES})'
    changes = CLASSIFICATION.format(weights=weights, data=labelled)
    if "384px" in name:  # warped, so there is a size to override
        changes += "test_pipeline = _base_.test_pipeline\ntest_pipeline[1].scale = (64, 64)\n"
        labelled += ", pipeline=test_pipeline"
    found = check_trained(train(f"imagenet/{name}.py", changes + VALIDATION.format(data=labelled)), steps=2)
    assert found["head.fc.weight"].shape == (10, 64)


def test_fine_tuning_on_many_classes(train, class_folders, weights):
    changes = CLASSIFICATION.format(weights=weights, data=f'data_root="{class_folders}"')
    check_trained(train("imagenet/convnextv2-tiny_64xb64-90e_in22k.py", changes), steps=2)


def test_low_data(train, class_folders, weights):
    labelled = f'data_root="{class_folders}"'
    changes = CLASSIFICATION.format(weights=weights, data=labelled) + VALIDATION.format(data=labelled)
    check_trained(train("imagenet/lowdata_convnextv2-tiny_1xb32-50e_folder.py", changes), steps=2)


def test_mask_rcnn(train, coco, weights):
    pipeline = "train_pipeline[2].scale = (64, 64)\ntrain_pipeline[3].crop_size = (64, 64)"
    changes = DETECTION.format(
        weights=weights, root=coco, pipeline=pipeline, bbox_head="dict(in_channels=16, fc_out_channels=32)"
    )
    found = check_trained(train("coco/mask-rcnn_convnextv2-base_fpn_lsj-3x_coco.py", changes, "--amp"), steps=3)
    assert found["neck.lateral_convs.3.conv.weight"].shape[1] == 64


def test_cascade_mask_rcnn(train, coco, weights):
    """Of large, whose maps are converted behind the neck."""
    pipeline = "train_pipeline[3] = dict(type='Resize', scale=(64, 64), keep_ratio=True)"
    heads = (
        "[dict(h, in_channels=16, conv_out_channels=16, fc_out_channels=32) for h in _base_.model.roi_head.bbox_head]"
    )
    changes = DETECTION.format(weights=weights, root=coco, pipeline=pipeline, bbox_head=heads)
    name = "cascade-mask-rcnn_convnextv2-large_fpn_4conv1fc-giou_ms-crop-3x_coco.py"
    check_trained(train(f"coco/{name}", changes, "--amp"), steps=3)


@pytest.mark.parametrize("size", ["base_8xb2-160k_ade20k-512x512", "huge-in22k_8xb2-160k_ade20k-640x640"])
def test_upernet(train, ade, weights, size):
    changes = SEGMENTATION.format(weights=weights, root=ade)
    found = check_trained(train(f"ade20k/upernet_convnextv2-{size}.py", changes, "--amp"), steps=3)
    assert found["decode_head.conv_seg.weight"].shape == (150, 16, 1, 1)


COMMANDS = {
    "fcmae": [
        "fcmae_convnextv2-atto_64xb64-800e_in1k.py",
        "train_dataloader.dataset.data_root={classes}",
        "train_dataloader.dataset.metainfo.classes=[0,1,2,3,4,5,6,7,8,9]",
        "train_dataloader.dataset.pipeline.1.scale=64",
        "train_dataloader.batch_size=10",
        "train_cfg.max_epochs=1",
        "default_hooks.checkpoint.interval=1",
    ],
    "imagenet": [
        "convnextv2-atto_32xb32-600e_in1k.py",
        "train_dataloader.dataset.data_root={classes}",
        "train_dataloader.dataset.metainfo.classes=[0,1,2,3,4,5,6,7,8,9]",
        "train_dataloader.batch_size=10",
        "train_dataloader.dataset.pipeline.1.scale=64",
        "train_cfg.max_epochs=1",
    ],
    "coco": [
        "mask-rcnn_convnextv2-atto_fpn_lsj-3x_coco.py",
        "train_dataloader.dataset.data_root={coco}",
        "train_dataloader.dataset.pipeline.2.scale=(64,64)",
        "train_dataloader.dataset.pipeline.3.crop_size=(64,64)",
        "train_dataloader.batch_size=3",
        "train_cfg.max_epochs=1",
    ],
    "ade20k": [
        "upernet_convnextv2-tiny_8xb2-160k_ade20k-512x512.py",
        "train_dataloader.dataset.data_root={ade}",
        "train_dataloader.dataset.pipeline.2.scale=(256,64)",
        "train_dataloader.dataset.pipeline.3.crop_size=(64,64)",
        "model.data_preprocessor.size=(64,64)",
        "model.decode_head.channels=16",
        "train_cfg.max_iters=2",
        "default_hooks.checkpoint.interval=2",
    ],
}


@pytest.mark.parametrize("folder", COMMANDS)
def test_options_on_the_command_line_are_enough(run_training, tmp_path, class_folders, coco, ade, folder):
    """A published size, only its data and the sizes of images and batches changed."""
    name, *options = COMMANDS[folder]
    options = [option.format(classes=class_folders, coco=coco, ade=ade) for option in options]
    options += [f"train_dataloader.{option}" for option in ("num_workers=0", "persistent_workers=False")]
    options += ["model.backbone.init_cfg=None"] if folder != "fcmae" else []
    flags = ["--amp"] if folder in ("coco", "ade20k") else []
    command = [str(ROOT / "configs" / folder / name), "--work-dir", str(tmp_path / name), "--no-validate", *flags]
    run_training([*command, "--cfg-options", *options])
    (file,) = (tmp_path / name).glob("*.pth")
    check_trained(file, steps=2)

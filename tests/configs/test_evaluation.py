"""Evaluation at every published resolution, with the published crop rules, on a photograph."""

import copy
import math

import cv2
import numpy as np
import pytest
import torch
from mmengine.dataset import Compose
from mmengine.registry import MODELS, TRANSFORMS, init_default_scope
from PIL import Image
from skimage import data
from torch.nn.modules.module import register_module_forward_pre_hook

from cnxv2_mm.backbone import ConvNeXtV2
from cnxv2_mm.checkpoints import convert
from cnxv2_mm.config.load import load_config
from cnxv2_mm.zoo import WEIGHTS
from tests.configs.common import CONFIGS, ROOT, STARTING_POINTS, is_pre_training, load, size_of
from tests.configs.recipes import FROM_22K, IN1K, IN22K, V1_ON_22K


@pytest.fixture
def photograph(tmp_path):
    """512 x 360 pixels, so that the short side matters; a lossless file."""
    image = np.ascontiguousarray(data.astronaut()[:360])
    cv2.imwrite(str(tmp_path / "photograph.png"), image[..., ::-1])
    return tmp_path / "photograph.png"


def evaluated(path, photograph):
    """What the config's test pipeline makes of an image, as RGB."""
    init_default_scope("mmpretrain")
    steps = [TRANSFORMS.build(step) for step in load(path).test_dataloader.dataset.pipeline]
    return Compose(steps)({"img_path": str(photograph)})["inputs"].flip(0)


@pytest.mark.parametrize(
    ("path", "side"),
    [*((path, 224) for path in IN1K.values()), *((path, side) for (_, side), path in FROM_22K.items())],
)
def test_crop_rule(path, side, photograph):
    """Official code: below 384 the short side becomes side / 0.875, bicubic, and the centre is cut out; from 384 on
    the whole image is warped."""
    image = Image.open(photograph)
    if side < 384:
        short = int(side / (224 / 256))
        width = math.floor(image.width * short / image.height)
        resized = np.asarray(image.resize((width, short), Image.Resampling.BICUBIC))
        top, left = (short - side) // 2, (width - side) // 2
        expected = resized[top : top + side, left : left + side]
    else:
        expected = np.asarray(image.resize((side, side), Image.Resampling.BICUBIC))
    found = evaluated(path, photograph)
    assert found.shape == (3, side, side)
    difference = (found.int() - torch.from_numpy(expected.copy()).permute(2, 0, 1).int()).abs().float().mean()
    assert difference < 0.1  # grey levels; bilinear instead of bicubic is 0.8 away, a crop of 248 pixels 18


def test_every_published_classifier_has_a_config_of_its_resolution():
    """Tables 14 and 15: eight at 224 pixels, and ten that saw ImageNet-22K."""
    configs = {f"convnextv2_{size}_in1k": (path, 224) for size, path in IN1K.items()}
    for (size, side), path in FROM_22K.items():
        configs[f"convnextv2_{size}_in22k_in1k" + ("" if side == 224 else f"_{side}")] = (path, side)
    classifiers = {name: weight for name, weight in WEIGHTS.items() if weight.version == 2 and weight.classes}
    assert configs.keys() == classifiers.keys()
    for name, (path, side) in configs.items():
        assert (size_of(path), side) == (classifiers[name].size, classifiers[name].resolution)


@pytest.mark.parametrize("path", CONFIGS)
def test_starting_weights_exist(path):
    """They are published, of the backbone's size, or what another config leaves in its work folder."""
    start = load(path).model.backbone.get("init_cfg")
    if start is None:
        supervised = "-300e" in path or "100e-supervised" in path or path in V1_ON_22K.values()
        assert is_pre_training(path) or supervised
        return
    assert start.type == "cnxv2_mm.Pretrained"
    if start.checkpoint.startswith("work_dirs/"):
        _, name, file = start.checkpoint.split("/")
        (source,) = (other for other in CONFIGS if other.endswith(f"/{name}.py"))
        assert file == f"epoch_{load(source).train_cfg.max_epochs}.pth"
        # What is the encoder in it, the file's names tell. grn: table 2f drops or adds it between the two.
        assert start.keys() - {"grn"} == {"type", "checkpoint"}
        mine, other = load(path).model.backbone, load(source).model.backbone
        same_blocks = mine.get("use_grn", True) == other.get("use_grn", True)
        assert (mine.arch, same_blocks) == (other.arch, "grn" not in start)
    else:
        assert start.checkpoint in WEIGHTS
        assert WEIGHTS[start.checkpoint].size == size_of(path)


@pytest.mark.parametrize(
    ("source", "path"),
    [
        (
            "configs/fcmae/fcmae_convnext-v1-base_64xb64-800e_in1k.py",
            "configs/imagenet/convnext-v1-base_32xb32-100e-fcmae_in1k.py",
        ),
        (IN22K["base"], FROM_22K["base", 224]),
    ],
)
def test_the_encoder_is_found_in_what_another_config_leaves(source, path, tmp_path):
    """Beside a decoder of like blocks, or a classifier and its averaged weights; no prefix says where it is."""
    init_default_scope("mmpretrain")
    models = [copy.deepcopy(load(name).model) for name in (source, path)]
    for model in models:
        model.backbone.arch = "atto"
        if "head" in model:
            model.head.in_channels = 320
    weights = MODELS.build(models[0]).state_dict()
    content = {"state_dict": weights}
    if "head" in models[0]:
        content["ema_state_dict"] = {f"module.{name}": tensor for name, tensor in weights.items()}
    torch.save(content, tmp_path / "epoch_1.pth")
    models[1].backbone.init_cfg.checkpoint = str(tmp_path / "epoch_1.pth")
    model = MODELS.build(models[1])
    model.init_weights()
    mine = model.backbone.state_dict()
    same = [
        name for name, tensor in mine.items() if torch.equal(tensor, weights.get(f"backbone.{name}", torch.empty(0)))
    ]
    new = mine.keys() - set(same)
    assert new <= {"norm3.weight", "norm3.bias"}  # the norm of the output, which FCMAE has none of


def test_multi_scale_test_of_segmentation():
    """Appendix A.4: ratios 0.75 ... 1.25 of 2048 x 512, of 2560 x 640 for inputs of 640."""
    ratios = (0.75, 0.875, 1.0, 1.125, 1.25)
    for path in (path for path in CONFIGS if "/ade20k/" in path and path not in STARTING_POINTS):
        cfg = load(path)
        long, short = (2560, 640) if "640x640" in path else (2048, 512)
        resizes = cfg.tta_pipeline[1].transforms[0]
        assert [tuple(step["scale"]) for step in resizes] == [(long * ratio, short * ratio) for ratio in ratios]
        assert tuple(cfg.test_dataloader.dataset.pipeline[1]["scale"]) == (long, short)
        assert tuple(cfg.model.test_cfg.crop_size) == (short, short)


LOCAL = ["test_dataloader.num_workers=0", "test_dataloader.persistent_workers=False"]


def test_a_published_classifier_is_tested_with_its_config(run_test, class_folders, tmp_path):
    """Weights in the official dialect, of random numbers, converted to ours, as configs/README.md says."""
    path = IN1K["atto"]
    cfg = load(path)
    init_default_scope(cfg.default_scope)
    torch.save({"state_dict": MODELS.build(cfg.model).state_dict()}, tmp_path / "random.pth")
    convert(tmp_path / "random.pth", tmp_path / "official.pth", "official")
    convert(tmp_path / "official.pth", tmp_path / "ours.pth", "ours")
    options = [f"test_dataloader.dataset.data_root={class_folders}", "test_dataloader.batch_size=4"]
    classes = "test_dataloader.dataset.metainfo.classes=[0,1,2,3,4,5,6,7,8,9]"
    command = [str(ROOT / path), str(tmp_path / "ours.pth"), "--work-dir", str(tmp_path / "run")]
    metrics = run_test([*command, "--cfg-options", *LOCAL, *options, classes])
    assert metrics.keys() == {"accuracy/top1", "accuracy/top5"}


def test_segmentation_is_tested_at_several_scales(run_test, ade, tmp_path):
    """The command in the header of the config, on photographs of 64 pixels."""
    (tmp_path / "small.py").write_text(
        f"""
_base_ = "{ROOT}/configs/ade20k/upernet_convnextv2-base_8xb2-160k_ade20k-512x512.py"
model = dict(
    backbone=dict(arch=dict(_delete_=True, depths=(1, 1, 1, 1), channels=(8, 16, 32, 64))),
    decode_head=dict(in_channels=[8, 16, 32, 64], channels=16),
    auxiliary_head=dict(in_channels=32, channels=16),
)
tta_pipeline = _base_.tta_pipeline
for step in tta_pipeline[1].transforms[0]:
    step.scale = tuple(side // 8 for side in step.scale)
"""
    )
    cfg = load_config(str(tmp_path / "small.py"))
    init_default_scope("mmseg")
    torch.save({"state_dict": MODELS.build(cfg.model).state_dict()}, tmp_path / "random.pth")
    seen = []
    handle = register_module_forward_pre_hook(
        lambda module, inputs: seen.append(tuple(inputs[0].shape[2:])) if isinstance(module, ConvNeXtV2) else None
    )
    options = [*LOCAL, f"test_dataloader.dataset.data_root={ade}", "model.test_cfg.mode=whole"]
    command = [str(tmp_path / "small.py"), str(tmp_path / "random.pth"), "--work-dir", str(tmp_path / "run"), "--tta"]
    metrics = run_test([*command, "--cfg-options", *options])
    handle.remove()
    assert "mIoU" in metrics
    # Square photographs: the short sides 48 ... 80 of 0.75 ... 1.25 times 64, each twice, once mirrored.
    assert seen[:10] == [(side, side) for side in (48, 56, 64, 72, 80) for _ in range(2)]
    assert len(seen) == 6 * 10

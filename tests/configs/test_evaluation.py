"""Evaluation at every published resolution, with the published crop rules, on a photograph."""

import math

import cv2
import numpy as np
import pytest
import torch
from mmengine.dataset import Compose
from mmengine.registry import TRANSFORMS, init_default_scope
from PIL import Image
from skimage import data

from cnxv2_mm.zoo import WEIGHTS
from tests.configs.common import CONFIGS, load, size_of
from tests.configs.test_values import FROM_22K, IN1K


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
    classifiers = {name: weight for name, weight in WEIGHTS.items() if weight.training != "fcmae"}
    assert configs.keys() == classifiers.keys()
    for name, (path, side) in configs.items():
        assert (size_of(path), side) == (classifiers[name].size, classifiers[name].resolution)


@pytest.mark.parametrize("path", CONFIGS)
def test_starting_weights_exist(path):
    """They are published, of the backbone's size, or what another config leaves in its work folder."""
    start = load(path).model.backbone.get("init_cfg")
    if start is None:
        assert "/fcmae/" in path or "-300e" in path
        return
    assert start.type == "cnxv2_mm.Pretrained"
    if start.checkpoint.startswith("work_dirs/"):
        _, name, file = start.checkpoint.split("/")
        (source,) = (other for other in CONFIGS if other.endswith(f"/{name}.py"))
        assert file == f"epoch_{load(source).train_cfg.max_epochs}.pth"
        assert start.prefix == "backbone."
        mine, other = load(path).model.backbone, load(source).model.backbone
        assert (mine.arch, mine.get("use_grn", True)) == (other.arch, other.get("use_grn", True))
    else:
        assert start.checkpoint in WEIGHTS
        assert WEIGHTS[start.checkpoint].size == size_of(path)


def test_multi_scale_test_of_segmentation():
    """Appendix A.4: ratios 0.75 ... 1.25 of 2048 x 512, of 2560 x 640 for inputs of 640."""
    ratios = (0.75, 0.875, 1.0, 1.125, 1.25)
    for path in (path for path in CONFIGS if "/ade20k/" in path):
        cfg = load(path)
        long, short = (2560, 640) if "640x640" in path else (2048, 512)
        resizes = cfg.tta_pipeline[1].transforms[0]
        assert [tuple(step["scale"]) for step in resizes] == [(long * ratio, short * ratio) for ratio in ratios]
        assert tuple(cfg.test_dataloader.dataset.pipeline[1]["scale"]) == (long, short)
        assert tuple(cfg.model.test_cfg.crop_size) == (short, short)

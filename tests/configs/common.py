"""The configs, loaded and built without memory, for every test of them."""

import re
from copy import deepcopy
from functools import cache
from pathlib import Path

import torch
from mmengine.config import Config, ConfigDict
from mmengine.config import utils as config_utils
from mmengine.optim import build_optim_wrapper
from mmengine.registry import MODELS, init_default_scope
from torch import nn

import cnxv2_mm  # noqa: F401  (registers, and stands in for mmcv's operators)
from cnxv2_mm.config.load import load_config

ROOT = Path(__file__).parents[2]
# Each time that a config inherits from a library's, mmengine reads all metafiles of that library. They stay the same.
config_utils.load = cache(config_utils.load)
FOLDERS = ("fcmae", "imagenet", "coco", "ade20k", "ablations")
CONFIGS = [str(p.relative_to(ROOT)) for folder in FOLDERS for p in sorted((ROOT / "configs" / folder).glob("*.py"))]
# Ours alone, which no paper has: their tests are in test_starting_points.py.
DINO, DINO_FROZEN, RTMDET, RTMDET_FROZEN, LOW_DATA = (
    f"configs/coco/{name}.py"
    for name in (
        "dino-4scale_convnext-v1-tiny-dinov3_8xb2-12e_coco",
        "dino-4scale_convnext-v1-tiny-dinov3-frozen_8xb2-12e_coco",
        "rtmdet_m_convnext-v1-tiny-dinov3_4xb32-100e_coco",
        "rtmdet_m_convnext-v1-tiny-dinov3-frozen_4xb32-100e_coco",
        "lowdata_mask-rcnn_convnext-v1-tiny-dinov3_1xb4-4k",
    )
)
MULTICHANNEL = "configs/ade20k/upernet_convnextv2-tiny-multichannel_1xb8-40k_folder-512x512.py"
STARTING_POINTS = (DINO, DINO_FROZEN, RTMDET, RTMDET_FROZEN, LOW_DATA, MULTICHANNEL)
ALL_SIZES = ("atto", "femto", "pico", "nano", "tiny", "base", "large", "huge")  # of V2


@cache
def load(path: str) -> Config:
    """A config by its path from the repository's root. Shared: tests that change it copy it first."""
    return load_config(str(ROOT / path))


@cache
def build(path: str) -> nn.Module:
    """Its model on the meta device: every shape, no numbers, so that huge costs nothing."""
    cfg = load(path)
    return build_model(cfg.model, cfg.default_scope)


def build_model(model: dict, scope: str) -> nn.Module:
    init_default_scope(scope)
    with torch.device("meta"):
        return MODELS.build(deepcopy(model))  # detectors change the config that they are given


def optimizer_groups(model: nn.Module, optim_wrapper: dict, scope: str) -> list[dict]:
    """What the configured constructor makes of the model.

    Mixed precision, which needs a GPU, and the fused step, which the meta device does not have, are left out.
    """
    init_default_scope(scope)
    plain = {k: v for k, v in optim_wrapper.items() if k not in ("dtype", "loss_scale")}
    plain["optimizer"] = {k: v for k, v in plain["optimizer"].items() if k != "fused"}
    return build_optim_wrapper(model, ConfigDict(plain, type="OptimWrapper")).optimizer.param_groups


def is_pre_training(path: str) -> bool:
    return Path(path).name.startswith(("fcmae_", "folder"))


def size_of(path: str) -> str:
    """The size that a file's name speaks of."""
    found = re.findall("|".join(("xlarge", *ALL_SIZES)), Path(path).name)
    return found[0] if found else "tiny"  # folder.py and its like

"""Every value of the trainings on ImageNet against ``recipes.py``: the published ones, and those of our choice."""

import re
from pathlib import Path

import pytest

from tests.configs.common import load
from tests.configs.recipes import OURS, RECIPES

SOURCE = re.compile(
    r"tables? \d+\w*( and \d+\w)?|V1's table 5|V1's TRAINING\.md @ 048efce|section \d|appendix A\.\d"
    r"|(TRAINING\.md|main_(pretrain|finetune)\.py) @ 2553895(, .+)?"
)


def values_of(path):
    """What the config holds, by the names of ``recipes.py``."""
    cfg = load(path)
    optimizer, rule, batch = cfg.optim_wrapper.optimizer, cfg.optim_wrapper.paramwise_cfg, cfg.auto_scale_lr
    schedule = {step["type"]: step for step in cfg.param_scheduler}
    cosine = schedule.get("CosineAnnealingLR") or schedule["cnxv2_mm.WarmupCosineLR"]
    epochs = cfg.train_cfg.max_epochs
    warmup = schedule["LinearLR"]["end"] if "LinearLR" in schedule else cosine.get("warmup_share", 0) * epochs
    values = {
        "optimizer": optimizer.type,
        "betas": optimizer.betas,
        "batch": batch.base_batch_size,
        "base_lr": optimizer.lr * 256 / batch.base_batch_size,
        "weight_decay": optimizer.weight_decay,
        "decay_rate": rule.layer_decay_rate,
        "warmup": warmup,
        "epochs": epochs,
        "min_lr": cosine["eta_min"] if "eta_min" in cosine else cosine["eta_min_ratio"] * optimizer.lr,
    }
    if "decay_type" in RECIPES[path]:  # without a rate it has no meaning
        values["decay_type"] = rule.strategy
    steps = {step["type"]: step for step in cfg.train_dataloader.dataset.pipeline}
    return values | (of_pre_training(cfg, steps) if "/fcmae/" in path else of_a_classifier(cfg, steps))


def of_pre_training(cfg, steps):
    return {
        "mask_ratio": cfg.model.mask_ratio,
        "patch_size": cfg.model.patch_size,
        "norm_pix": cfg.model.norm_pix,
        "decoder_depth": cfg.model.decoder.depth,
        "decoder_width": cfg.model.decoder.width,
        "crop": steps["cnxv2_mm.RandomResizedCrop"]["crop_ratio_range"],
        "flip": cfg.model.data_preprocessor.flip_prob,
    }


def of_a_classifier(cfg, steps):
    mixes = {mix["type"]: mix["alpha"] for mix in (cfg.model.train_cfg or {}).get("augments", [])}
    averages = [1 - hook["momentum"] for hook in cfg.get("custom_hooks", []) if hook["type"] == "EMAHook"]
    return {
        "smoothing": cfg.model.head.loss.label_smooth_val,
        "mixup": mixes.get("Mixup", 0),
        "cutmix": mixes.get("CutMix", 0),
        "drop_path": cfg.model.backbone.drop_path_rate,
        "head_std": cfg.model.head.init_cfg.std,
        "ema": averages[0] if averages else None,
        "randaugment": (steps["RandAugment"]["magnitude_level"], steps["RandAugment"]["magnitude_std"]),
        "random_erasing": steps["RandomErasing"]["erase_prob"],
    }


ALL = [(path, name, value) for path, row in RECIPES.items() for name, value in row.items()]


def cases(ours):
    chosen = [case for case in ALL if case[2].source.startswith(OURS) == ours]
    ids = [f"{Path(path).stem}: {name}, {value.source}" for path, name, value in chosen]
    return pytest.mark.parametrize(("path", "name", "value"), chosen, ids=ids)


def check(path, name, value):
    expected = value.expected
    found = values_of(path)[name]
    assert found == (pytest.approx(expected) if isinstance(expected, float) else expected)


@cases(ours=False)
def test_a_published_value(path, name, value):
    check(path, name, value)


@cases(ours=True)
def test_a_value_of_our_choice(path, name, value):
    check(path, name, value)


@pytest.mark.parametrize("path", RECIPES)
def test_no_value_is_left_out(path):
    assert values_of(path).keys() == RECIPES[path].keys()


def test_every_value_has_a_source_or_a_reason():
    for _, name, (_, source) in ALL:
        assert SOURCE.fullmatch(source) or source.startswith(f"{OURS}: "), (name, source)

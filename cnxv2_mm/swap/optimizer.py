"""Replaces the optimiser by AdamW, with layer decay unless the backbone is frozen, and adapts the schedule to it."""

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config

from cnxv2_mm.config.entry import type_name

# The papers of ConvNeXt V1 and V2 fine-tune detectors and segmenters with 1e-4 to 2e-4 for 16 to 32 images per step.
BASE_LR = 1e-4
# Our choice for neck and heads alone: the upper end of that range, as no pre-trained layer can be spoilt. DINOv3's own
# linear heads on a frozen backbone get 1e-3 (facebookresearch/dinov3 @ 78dc9b8, dinov3/eval/segmentation/config.py).
FROZEN_LR = 2e-4
BASE_IMAGES = 16
LAYER_DECAY = 0.9
WEIGHT_DECAY = 0.05
CONSTRUCTOR = "cnxv2_mm.LayerDecayOptimWrapperConstructor"
WARMUP_STEPS = 1000
WARMUP_START = 0.001

_NO_SCALING = {"enable": False}
_BATCH_IN_NAME = re.compile(r"(?:^|[_-])(\d+)xb(\d+)")
_USUAL_GPUS = 8
_LENGTHS = {"max_epochs": "epochs", "max_iters": "steps"}


def use_adamw(config: Config, backbone_params: Sequence[str], freeze: bool = False) -> list[str]:
    """Change optimiser and schedule; an AdamW keeps its own learning rate.

    Args:
        config: The whole config; changed in place. If it has no optimiser or several, nothing is changed.
        backbone_params: Names of the old backbone's parameters; rules about them are dropped.
        freeze: Whether the backbone is frozen: the optimiser then has neck and heads alone, all at the full rate.

    Returns:
        A sentence about each change.
    """
    wrapper = config.get("optim_wrapper")
    if not isinstance(wrapper, Mapping) or not isinstance(wrapper.get("optimizer"), Mapping):
        return [f"optimiser: not changed, because the config has {'several' if wrapper else 'none'}"]
    old = wrapper["optimizer"]
    old_lr = old.get("lr")
    notes = []
    if type_name(old) == "AdamW" and old_lr:
        optimizer = {**old}
        optimizer.setdefault("weight_decay", 0.01)  # torch's default; the constructor needs it in the config
        smaller = "neck and heads learn at it" if freeze else "layer decay makes it smaller for the first layers"
        notes.append(f"optimiser: AdamW's learning rate is kept; {smaller}")
    else:
        images, source = _images_per_step(config)
        base, what = (FROZEN_LR, "for neck and heads alone") if freeze else (BASE_LR, "with layer decay")
        lr = _two_digits(base * math.sqrt(images / BASE_IMAGES))
        optimizer = {"type": "AdamW", "lr": lr, "betas": (0.9, 0.999), "weight_decay": WEIGHT_DECAY, "fused": True}
        notes.append(
            f"optimiser: AdamW {what} replaces {type_name(old)}; its learning rate is {lr:g} = {base:g} x "
            f"sqrt({images} / {BASE_IMAGES}) for {images} images per step (known from {source})"
            f"{f'; {base:g} is our choice' if freeze else ''}"
        )
        config["auto_scale_lr"] = {**_NO_SCALING, **(config.get("auto_scale_lr") or {}), "base_batch_size": images}
    rules: dict[str, Any] = {"layer_decay_rate": 1.0 if freeze else LAYER_DECAY, "strategy": "single"}
    kept, dropped = _custom_keys(wrapper.get("paramwise_cfg") or {}, backbone_params, freeze)
    if kept:
        rules["custom_keys"] = kept
    if dropped:
        why = "because they are about the old backbone, or layer decay does not know them"
        notes.append(f"optimiser: rules of paramwise_cfg that are dropped, {why}: {', '.join(dropped)}")
    changed = {key: value for key, value in wrapper.items() if key not in ("optimizer", "constructor", "paramwise_cfg")}
    config["optim_wrapper"] = {**changed, "optimizer": optimizer, "constructor": CONSTRUCTOR, "paramwise_cfg": rules}
    return notes + _adapt_schedule(config, old_lr)


def say_what_it_is_for(config: Config) -> list[str]:
    """Say how much data the learning rate and the schedule are for, and set ``auto_scale_lr`` to the same number.

    Args:
        config: The whole config, after :func:`use_adamw`; changed in place. If it has no optimiser or several, nothing
            is changed.

    Returns:
        Sentences for the reader who has other data.
    """
    wrapper = config.get("optim_wrapper")
    if not isinstance(wrapper, Mapping) or not isinstance(wrapper.get("optimizer"), Mapping):
        return []
    scaling = {**_NO_SCALING, "base_batch_size": _images_per_step(config)[0], **(config.get("auto_scale_lr") or {})}
    config["auto_scale_lr"] = scaling
    notes = [
        f"your data: the learning rate is for {scaling['base_batch_size']} images per step (GPUs x batch_size); "
        "for another number train with --auto-scale-lr"
    ]
    train = config.get("train_cfg") or {}
    length = next((f"{train[key]} {unit}" for key, unit in _LENGTHS.items() if train.get(key)), None)
    warmup = next((item for item in _schedulers(config) if _warms_up(item) and item.get("end")), None)
    if warmup and length:
        unit = "epochs" if warmup.get("by_epoch", True) else "steps"
        notes.append(
            f"your data: the warm-up takes {warmup['end']} {unit} of {length}, which suits the config's own data set; "
            "for a smaller one shorten the warm-up (param_scheduler) and lengthen the training (train_cfg)"
        )
    return notes


def _schedulers(config: Config) -> list[dict[str, Any]]:
    given = config.get("param_scheduler") or []
    return [dict(item) for item in ([given] if isinstance(given, Mapping) else given)]


def _two_digits(number: float) -> float:
    return float(f"{number:.1e}")


def _images_per_step(config: Config) -> tuple[int, str]:
    """Return how many images one step of the optimiser sees, and where the number is from."""
    named = _BATCH_IN_NAME.search(Path(getattr(config, "filename", None) or "").stem)
    if named:
        return int(named[1]) * int(named[2]), "the file's name"
    base = (config.get("auto_scale_lr") or {}).get("base_batch_size")
    if base:
        return base, "auto_scale_lr"
    loader = config.get("train_dataloader") or {}
    return _USUAL_GPUS * loader.get("batch_size", 2), f"{_USUAL_GPUS} GPUs"


def _custom_keys(
    rules: Mapping[str, Any], backbone_params: Sequence[str], freeze: bool
) -> tuple[dict[str, dict[str, float]], list[str]]:
    """Return the rules that are not about the old backbone, and the names of the others, general rules among them.

    One for the whole backbone is about the new one too, unless that is frozen.
    """
    inside = [f".{name}" for name in backbone_params]
    kept: dict[str, dict[str, float]] = {}
    dropped = [key for key in rules if key.endswith("_mult")]
    for key, rule in rules.get("custom_keys", {}).items():
        part_of_old = key.removeprefix("backbone")
        about_old = any(part_of_old in name for name in inside) if part_of_old.strip(".") else freeze
        allowed = {name: value for name, value in rule.items() if name in ("lr_mult", "decay_mult")}
        if about_old or not allowed:
            dropped.append(key)
        else:
            kept[key] = allowed
    return kept, dropped


def _adapt_schedule(config: Config, old_lr: float | None) -> list[str]:
    schedulers = _schedulers(config)
    if not schedulers:
        return []
    notes = []
    without_momentum = [item for item in schedulers if not type_name(item).endswith("Momentum")]
    if len(without_momentum) < len(schedulers):
        notes.append("schedule: the schedule of SGD's momentum is dropped")
    schedulers = without_momentum
    for item in schedulers:
        floor = item.get("eta_min")
        if not floor:
            continue
        if type_name(item) == "CosineAnnealingLR" and old_lr:
            del item["eta_min"]
            item["eta_min_ratio"] = floor / old_lr
        else:
            item["eta_min"] = 0.0
        new = f"eta_min_ratio={item['eta_min_ratio']:g}" if "eta_min_ratio" in item else "eta_min=0"
        notes.append(f"schedule: {new} replaces eta_min={floor:g}, which may be above the rate of the first layers")
    if not any(_warms_up(item) for item in schedulers):
        steps = _warmup_steps(config)
        warmup = {"type": "LinearLR", "start_factor": WARMUP_START, "by_epoch": False, "begin": 0, "end": steps}
        schedulers.insert(0, warmup)
        notes.append(f"schedule: a warm-up of {steps} steps is added, which AdamW needs")
    if notes:
        config["param_scheduler"] = schedulers
    return notes


def _warms_up(scheduler: Mapping[str, Any]) -> bool:
    name = type_name(scheduler)
    if "Warmup" in name or name == "OneCycleLR":
        return True
    rises = name == "ConstantLR" or scheduler.get("start_factor", 1 / 3) < scheduler.get("end_factor", 1.0)
    return name in ("LinearLR", "ConstantLR") and rises and not scheduler.get("begin")


def _warmup_steps(config: Config) -> int:
    """Return the steps of a new warm-up; at most a twentieth of a training that is counted in steps."""
    train = config.get("train_cfg") or {}
    total = train.get("max_iters")
    return max(1, min(WARMUP_STEPS, total // 20)) if total else WARMUP_STEPS

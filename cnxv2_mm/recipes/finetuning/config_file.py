"""The config of a fine-tuning: the task's model and data, and what all tasks share."""

from importlib.util import find_spec
from math import sqrt
from pathlib import Path
from typing import Any

from mmengine.config import Config

from cnxv2_mm.config.load import load_config
from cnxv2_mm.recipes.finetuning.schedule import Schedule
from cnxv2_mm.recipes.finetuning.task import Plan, Score
from cnxv2_mm.recipes.run_folder import RunFolder
from cnxv2_mm.recipes.write_config import Section, config_text
from cnxv2_mm.training.mixed_precision import bfloat16_wrapper, gpu_computes_bfloat16
from cnxv2_mm.training.saving import write_whole

BASE = "cnxv2_mm::_base_/finetune.py"
_WARMUP_SHARE = 0.05
# The averaged weights are those of the last twentieth of a training, which has few steps anyway.
_AVERAGED_SHARE = 0.05
_LARGEST_MOMENTUM = 0.5  # mmengine wants it below 1
_TEST = """
# `cnxv2 test`, `cnxv2 predict` and the libraries' inferencers read these.
test_dataloader = val_dataloader
test_evaluator = val_evaluator
"""


def learning_rate(plan: Plan, batch_size: int) -> float:
    """Return the learning rate of a batch: AdamW's grows with the square root of its size."""
    return float(f"{plan.rates.lr * sqrt(batch_size / plan.rates.batch_size):.3g}")


def momentum(max_iters: int) -> float:
    """Return the share of the newest weights in the averaged ones (EMA): one in a twentieth of the iterations."""
    return float(f"{min(_LARGEST_MOMENTUM, 1 / (_AVERAGED_SHARE * max_iters)):.3g}")


def mixed_precision() -> str | None:
    """Return the type in which this machine's GPU computes; None for float32."""
    return "bfloat16" if gpu_computes_bfloat16() else None


def write_config(
    folder: RunFolder, plan: Plan, best: Score, batch_size: int, num_workers: int, schedule: Schedule, command: str
) -> None:
    """Write ``config.py`` of a run folder.

    Args:
        folder: The run folder.
        plan: What the task decided.
        best: The score that decides which weights are kept.
        batch_size: Number of images in a step.
        num_workers: Number of processes that load them.
        schedule: How long the training is.
        command: What the user typed, for the comment at the beginning.
    """
    text = _text(plan, best, batch_size, num_workers, schedule, command, RunFolder(folder.path.absolute()))
    write_whole(text.encode(), folder.config)


def trial_config(plan: Plan, best: Score, folder: Path) -> Config:
    """Return a config with one image in a step, to try how long a step takes.

    Args:
        plan: What the task decided.
        best: The score that decides which weights are kept.
        folder: A folder for the config's file, which is temporary.
    """
    file = folder / "trial.py"
    file.write_text(_text(plan, best, 1, 0, Schedule(1, 1, 1, 1, ""), "a trial", RunFolder(folder)))
    return load_config(str(file))


def _text(
    plan: Plan, best: Score, batch_size: int, num_workers: int, schedule: Schedule, command: str, folder: RunFolder
) -> str:
    description = (
        f"{plan.title} on {plan.data}\n"
        f"Written by: {command}\n"
        "Run it again, or what you make of it: cnxv2 train THIS_FILE --work-dir another/folder"
    )
    sections = [
        Section("What all names without a prefix mean, and where checkpoints and the log go.", _place(plan, folder)),
        Section(plan.data_why, _data(plan, batch_size, num_workers)),
        Section(plan.model_why, {"model": dict(plan.model)}),
        Section(f"Learning rates: {plan.rates.why}", _rates(plan, batch_size)),
        Section(
            f"The length: {schedule.epochs:.3g} epochs of {plan.num_train} images ({schedule.why}). All counts are "
            "iterations. The rate rises from 0 in the first twentieth and falls to 0 along a cosine.",
            _length(schedule),
        ),
        Section(
            f"The weights with the best {best.name} are kept beside the last ones. What is validated and kept are "
            "weights averaged over the last iterations. The page shows it all.",
            _keeping(plan, best, schedule),
        ),
        *([Section("What this model needs besides.", dict(plan.extra))] if plan.extra else []),
    ]
    return config_text(description, [*plan.base, BASE], sections) + _TEST


def _place(plan: Plan, folder: RunFolder) -> dict[str, Any]:
    backends = [{"type": "LocalVisBackend"}]
    if find_spec("tensorboard") is not None:
        backends.append({"type": "TensorboardVisBackend"})
    return {
        "default_scope": plan.library,
        "work_dir": str(folder.work),
        "visualizer": {"type": plan.visualizer, "vis_backends": backends},
    }


def _data(plan: Plan, batch_size: int, num_workers: int) -> dict[str, Any]:
    persistent = {"persistent_workers": True} if num_workers else {}
    return {
        "train_dataloader": {
            "batch_size": batch_size,
            "num_workers": num_workers,
            **persistent,
            "sampler": {"type": "InfiniteSampler", "shuffle": True},
            "dataset": dict(plan.train_dataset),
        },
        "val_dataloader": {
            "batch_size": plan.val_batch_size,
            "num_workers": min(num_workers, 2),
            **persistent,
            "sampler": {"type": "DefaultSampler", "shuffle": False},
            "dataset": dict(plan.val_dataset),
        },
        "val_evaluator": plan.evaluator,
    }


def _rates(plan: Plan, batch_size: int) -> dict[str, Any]:
    wrapper = bfloat16_wrapper() if mixed_precision() else {"type": "OptimWrapper"}
    return {
        "optim_wrapper": {
            **wrapper,
            "optimizer": {
                "type": "AdamW",
                "lr": learning_rate(plan, batch_size),
                "betas": (0.9, 0.999),
                "weight_decay": plan.rates.weight_decay,
                "fused": True,
            },
            "clip_grad": {"max_norm": plan.rates.max_norm},
            "constructor": "cnxv2_mm.LayerDecayOptimWrapperConstructor",
            "paramwise_cfg": {"layer_decay_rate": plan.rates.layer_decay},
        },
        "auto_scale_lr": {"base_batch_size": batch_size},
    }


def _length(schedule: Schedule) -> dict[str, Any]:
    warmup = {"type": "cnxv2_mm.WarmupCosineLR", "warmup_share": _WARMUP_SHARE, "by_epoch": False}
    return {
        "train_cfg": {"by_epoch": False, "max_iters": schedule.max_iters, "val_interval": schedule.val_interval},
        "param_scheduler": [warmup],
    }


def _keeping(plan: Plan, best: Score, schedule: Schedule) -> dict[str, Any]:
    average = {"type": "EMAHook", "momentum": momentum(schedule.max_iters), "priority": "ABOVE_NORMAL"}
    checkpoint = {"interval": schedule.val_interval, "save_best": best.key, "rule": "greater"}
    hooks = [{"type": "cnxv2_mm.PredictionSheetHook"}, {"type": "cnxv2_mm.ReportPageHook"}]
    if plan.float32_part is not None and mixed_precision():
        hooks.append({"type": "cnxv2_mm.Float32OutputHook", "part": plan.float32_part})
    return {"default_hooks": {"checkpoint": checkpoint}, "custom_hooks": [average, *hooks]}

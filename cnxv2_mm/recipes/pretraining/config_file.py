"""The config of a pre-training: what differs from ``configs/fcmae/folder.py``, and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from cnxv2_mm.recipes.pretraining.image_list import CLASSES, IMAGES
from cnxv2_mm.recipes.pretraining.normalisation import Normalisation
from cnxv2_mm.recipes.pretraining.schedule import Schedule
from cnxv2_mm.recipes.pretraining.start import Start
from cnxv2_mm.recipes.run_folder import RunFolder
from cnxv2_mm.recipes.write_config import Section, config_text
from cnxv2_mm.training.mixed_precision import bfloat16_wrapper

BASE = "cnxv2_mm::fcmae/folder.py"


@dataclass(frozen=True)
class Plan:
    """What was decided before the length is known.

    Attributes:
        folder: The run folder, with its whole path.
        images: The folder of images, with its whole path.
        arch: The size of the encoder.
        channels: Number of channels of the images.
        size: Side of the crops, in pixels.
        normalisation: Mean and standard deviation.
        start: The weights that it starts from; None for a random start.
        classes: The names of the classes, if folders are classes.
        repeats: How often each loaded image is trained on in its step.
        bfloat16: Whether the device computes in bfloat16.
        on_gpu: Whether there is a GPU.
        command: What the user typed.
    """

    folder: RunFolder
    images: Path
    arch: Any
    channels: int
    size: int
    normalisation: Normalisation
    start: Start | None
    classes: tuple[str, ...]
    repeats: int
    bfloat16: bool
    on_gpu: bool
    command: str


def pretraining_config(plan: Plan, schedule: Schedule, rate: float, num_workers: int) -> str:
    """Return the text of the config.

    Args:
        plan: What was decided before.
        schedule: How long the training is.
        rate: The highest learning rate.
        num_workers: Number of processes that load images.
    """
    description = (
        f"FCMAE pre-training of ConvNeXt V2, arch {plan.arch}, on the images in {plan.images}\n"
        f"Written by: {plan.command}\n"
        f"To run it again, or what you make of it: cnxv2 train {plan.folder.config} --work-dir another/folder"
    )
    each = f"Each image is trained on {plan.repeats} times in its step. " if plan.repeats > 1 else ""
    sections = [
        Section("Checkpoints, the log and its numbers.", {"work_dir": str(plan.folder.work), **_visualizer()}),
        Section(f"{each}Mean and standard deviation: {plan.normalisation.why}.", {"model": _model(plan)}),
        Section(
            f"{plan.folder.data / IMAGES} lists the images; data/left_out.txt those that cannot be used.",
            {"train_dataloader": _loader(plan, schedule, num_workers)},
        ),
        Section(
            "The rate rises from 0 in the first twentieth and falls to 0 along a cosine.", _rates(plan, schedule, rate)
        ),
        Section(
            f"{schedule.epochs} epochs are {schedule.steps} steps ({schedule.why}).",
            {"train_cfg": {"max_epochs": schedule.epochs}, "default_hooks": _default_hooks(schedule)},
        ),
        Section(
            "What the held-out images say, about twelve times; pictures half as often; the page.",
            {"custom_hooks": _hooks(plan, schedule)},
        ),
    ]
    return config_text(description, [BASE], sections)


def _visualizer() -> dict[str, Any]:
    backends = [{"type": "LocalVisBackend"}]
    if find_spec("tensorboard") is not None:
        backends.append({"type": "TensorboardVisBackend"})
    return {"visualizer": {"type": "Visualizer", "vis_backends": backends}}


def _model(plan: Plan) -> dict[str, Any]:
    backbone: dict[str, Any] = {"arch": plan.arch}
    if plan.channels != 3:
        backbone["in_channels"] = plan.channels
    if plan.start is not None:
        backbone |= plan.start.arguments
        backbone["init_cfg"] = {"type": "cnxv2_mm.Pretrained", "checkpoint": plan.start.checkpoint}
    preprocessor: dict[str, Any] = {"mean": list(plan.normalisation.mean), "std": list(plan.normalisation.std)}
    if plan.repeats > 1:
        preprocessor["repeats"] = plan.repeats
    return {"backbone": backbone, "data_preprocessor": preprocessor}


def _loader(plan: Plan, schedule: Schedule, num_workers: int) -> dict[str, Any]:
    pipeline = [
        {"type": "cnxv2_mm.LoadImage", "channels": plan.channels},
        {"type": "cnxv2_mm.RandomResizedCrop", "scale": plan.size, "crop_ratio_range": (0.2, 1.0)},
        {"type": "PackInputs"},
    ]
    dataset = {
        "data_root": str(plan.images),
        "ann_file": str(plan.folder.data / (CLASSES if plan.classes else IMAGES)),
        "with_label": bool(plan.classes),
        **({"metainfo": {"classes": plan.classes}} if plan.classes else {}),
        "pipeline": pipeline,
    }
    return {
        "batch_size": schedule.batch_size,
        "num_workers": num_workers,
        "persistent_workers": num_workers > 0,
        "pin_memory": plan.on_gpu,
        "dataset": dataset,
    }


def _rates(plan: Plan, schedule: Schedule, rate: float) -> dict[str, Any]:
    return {
        "optim_wrapper": {**(bfloat16_wrapper() if plan.bfloat16 else {}), "optimizer": {"lr": rate}},
        "auto_scale_lr": {"base_batch_size": schedule.batch_size},
    }


def _default_hooks(schedule: Schedule) -> dict[str, Any]:
    return {
        "logger": {"interval": max(1, min(50, schedule.steps // 50))},
        "checkpoint": {"interval": schedule.checkpoint_interval, "max_keep_ckpts": 2},
    }


def _hooks(plan: Plan, schedule: Schedule) -> Sequence[dict[str, Any]]:
    return [
        {"type": "cnxv2_mm.FeatureProbeHook", "interval": schedule.probe_interval, "num_images": 256},
        {"type": "cnxv2_mm.ReconstructionSheetHook", "interval": 2 * schedule.probe_interval, "num_images": 8},
        {"type": "cnxv2_mm.ThroughputHook"},
        {"type": "cnxv2_mm.ReportPageHook"},
    ]

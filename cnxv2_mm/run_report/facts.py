"""What is trained, on what data, and on which machine: as the runner knows it, whoever wrote the config."""

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
from mmengine.device import get_device
from mmengine.model import is_model_wrapper
from mmengine.runner import EpochBasedTrainLoop, Runner

from cnxv2_mm.fcmae import FCMAE
from cnxv2_mm.run_report.numbers_as_text import count, number
from cnxv2_mm.version import __version__

# The tasks, by the library that a model comes from.
_TASKS = {"mmdet": "detect", "mmseg": "segment", "mmpretrain": "classify"}
_PACKAGES = ("torch", "torchvision", "mmengine", "mmcv", "mmdet", "mmsegmentation", "mmpretrain")
_MAINTAINED = {
    "mmengine": "onedl-mmengine",
    "mmcv": "onedl-mmcv",
    "mmdet": "onedl-mmdetection",
    "mmsegmentation": "onedl-mmsegmentation",
    "mmpretrain": "onedl-mmpretrain",
}


@dataclass(frozen=True)
class Facts:
    """What does not change during a run.

    Attributes:
        task: "pretrain", "detect", "segment", "classify", or "train" for all else.
        model: What is trained, in a line.
        data: What it is trained on, in a line.
        folder: Where the images of the training are, if the data set says so.
        settings: (name, value, why) of what every training has.
        machine: What it is computed on.
        versions: Of the packages.
    """

    task: str
    model: str
    data: str
    folder: str | None
    settings: Sequence[tuple[str, str, str]]
    machine: Mapping[str, str]
    versions: Mapping[str, str]


def facts_of(runner: Runner) -> Facts:
    """Collect the facts of a run whose loaders are built."""
    model = runner.model.module if is_model_wrapper(runner.model) else runner.model
    folder = _folder(runner.train_dataloader.dataset)
    return Facts(
        _task(model),
        _model(runner, model),
        _data(runner, folder),
        folder,
        _settings(runner),
        _machine(runner),
        _versions(),
    )


def _task(model: Any) -> str:
    if isinstance(model, FCMAE):
        return "pretrain"
    return _TASKS.get(type(model).__module__.partition(".")[0], "train")


def _model(runner: Runner, model: Any) -> str:
    name = type(model).__name__
    backbone = getattr(model, "backbone", None)
    if backbone is not None:
        size = runner.cfg.get("model", {}).get("backbone", {}).get("arch")
        name += f" with {type(backbone).__name__}" + (f" {size}" if isinstance(size, str) else "")
    parameters = sum(parameter.numel() for parameter in model.parameters())
    return f"{name}, {parameters / 1e6:.1f} M parameters"


def _data(runner: Runner, folder: str | None) -> str:
    loader = runner.train_dataloader
    sampler = getattr(loader.batch_sampler, "sampler", None)
    held_out = getattr(sampler, "held_out", None)
    total = len(loader.dataset)
    text = f"{count(total - len(held_out or ()))} images" + (f" of {folder}" if folder else "")
    if held_out is not None:
        text += f"; {count(len(held_out))} more are held out"
    elif runner.val_loop is not None:
        text += f"; validated on {count(len(runner.val_dataloader.dataset))}"
    return text


def _folder(dataset: Any) -> str | None:
    """Return where the images are, of the innermost data set."""
    while hasattr(dataset, "dataset"):
        dataset = dataset.dataset
    if not getattr(dataset, "data_root", None) and getattr(dataset, "datasets", None):
        return _folder(dataset.datasets[0])
    prefixes = getattr(dataset, "data_prefix", None) or {}
    places = [prefixes.get(name) for name in ("img_path", "img")] if isinstance(prefixes, Mapping) else []
    place = next((place for place in places if place), None) or getattr(dataset, "data_root", None)
    return str(place).rstrip(os.sep) if place else None


def _settings(runner: Runner) -> list[tuple[str, str, str]]:
    loader, wrapper = runner.train_dataloader, runner.optim_wrapper
    accumulated = int(getattr(wrapper, "_accumulative_counts", 1))
    batch = (loader.batch_size or 1) * runner.world_size
    rows = [("images in a step", count(batch), f"{runner.world_size} processes" if runner.world_size > 1 else "")]
    if accumulated > 1:
        rows.append(("steps between two updates", count(accumulated), ""))
    if isinstance(runner.train_loop, EpochBasedTrainLoop):
        rows.append(("epochs", count(runner.max_epochs), ""))
    rows.append(("steps", count(runner.max_iters), ""))
    optimizer = getattr(wrapper, "optimizer", None)
    if optimizer is not None:
        defaults = optimizer.defaults
        rows.append(("optimiser", type(optimizer).__name__, ""))
        rows += [
            (title, number(float(defaults[name])), "")
            for title, name in (("learning rate", "lr"), ("weight decay", "weight_decay"))
            if name in defaults
        ]
    name = type(wrapper).__name__
    rows.append(("precision", f"{'mixed' if 'Amp' in name else 'float32'} ({name})", ""))
    rows.append(("seed", str(runner.seed), ""))
    return rows


def _machine(runner: Runner) -> dict[str, str]:
    device = get_device()
    if device == "cuda":
        name = torch.cuda.get_device_name()
        memory = torch.cuda.get_device_properties(torch.cuda.current_device()).total_memory
        machine = {"device": f"{name}, {memory / 2**30:.0f} GiB"}
    else:
        machine = {"device": _processor() if device == "cpu" else device}
    if runner.world_size > 1:
        machine["processes"] = str(runner.world_size)
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return machine | {"processors": str(available), "system": f"{platform.system()} {platform.machine()}"}


def _processor() -> str:
    """Return the name of the processor, as Linux knows it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _versions() -> dict[str, str]:
    found = {"cnxv2_mm": __version__, "Python": platform.python_version()}
    for package in _PACKAGES:
        for name in (package, _MAINTAINED.get(package)):
            if name is not None:
                try:
                    found[name] = version(name)
                except PackageNotFoundError:
                    continue
    return found

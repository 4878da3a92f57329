"""All that happens before the first step: looking at the images, deciding, and writing config and settings."""

import json
import os
import tempfile
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.device import get_device
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from cnxv2_mm.config.load import load_config
from cnxv2_mm.images.survey import Survey, survey
from cnxv2_mm.machine import this_machine, usable_cores
from cnxv2_mm.recipes.duration import format_duration
from cnxv2_mm.recipes.pretraining.config_file import Plan, pretraining_config
from cnxv2_mm.recipes.pretraining.image_list import LEFT_OUT, class_names, write_lists
from cnxv2_mm.recipes.pretraining.model_card import data_of
from cnxv2_mm.recipes.pretraining.normalisation import choose_normalisation
from cnxv2_mm.recipes.pretraining.request import Request
from cnxv2_mm.recipes.pretraining.schedule import (
    SMALLEST_BATCH,
    Schedule,
    choose_length,
    choose_size,
    default_epochs,
    learning_rate,
    split,
    wanted_batch,
)
from cnxv2_mm.recipes.pretraining.start import find_start
from cnxv2_mm.recipes.quiet_import import import_quietly
from cnxv2_mm.recipes.run_folder import RunFolder
from cnxv2_mm.recipes.settings import Setting, print_settings, write_settings
from cnxv2_mm.recipes.trial import Trial, choose_workers, largest_batch
from cnxv2_mm.swap.weights import NO_WEIGHTS
from cnxv2_mm.training.mixed_precision import gpu_computes_bfloat16
from cnxv2_mm.training.saving import write_whole
from cnxv2_mm.variants import find_variant

DEFAULT_ARCH = "tiny"
# Beside the lists of images: what the end of the run needs to know of its beginning.
FACTS = "facts.json"


def prepare(run: RunFolder, request: Request, command: str, console: Console, overwrite: bool = False) -> None:
    """Look at the images, decide, print what was decided, and write the config.

    Args:
        run: The run folder.
        request: What the user asked for.
        command: What the user typed.
        console: Where it is said.
        overwrite: Whether a run that the folder holds is removed.

    Raises:
        ValueError: An argument is wrong, the images cannot be used, or the folder holds a run.
        OSError: Something is missing, or cannot be written.
    """
    if request.arch is not None:
        find_variant(request.arch)
    with run.begin(overwrite=overwrite):
        found = _look(Path(request.images), console)
        _check(found, run)
        write_settings(run, "pretrain", command, [], [])  # from here on the folder holds a run
        request.write(run.data)
        write_lists(found, run.data)
        _decide(run, request, found, command, console)


def short(path: Path) -> str:
    """Return a path as a user would type it here: relative to the working folder, if it is below it."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative


def _look(folder: Path, console: Console) -> Survey:
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        line = bar.add_task("opening every image")
        return survey(folder, lambda done, total: bar.update(line, completed=done, total=total))


def _check(found: Survey, run: RunFolder) -> None:
    """Refuse images of which too many cannot be used; the list of those is written beside the run folder."""
    listed = run.path.with_name(f"{run.path.name}_{LEFT_OUT}")
    try:
        found.check(listed)
    except ValueError:
        if found.left_out:
            lines = "".join(f"{one.file}\t{one.reason}\n" for one in found.left_out)
            write_whole(lines.encode(), listed)
        raise


def _decide(run: RunFolder, request: Request, found: Survey, command: str, console: Console) -> None:
    start = find_start(request.weights or NO_WEIGHTS, request.arch, found)
    size, size_why = choose_size(found, request.size)
    repeats = request.repeats or 1
    plan = Plan(
        folder=run,
        images=Path(request.images),
        arch=start.arguments["arch"] if start else request.arch or DEFAULT_ARCH,
        channels=found.channels,
        size=size,
        normalisation=choose_normalisation(found, start),
        start=start,
        classes=class_names(found.files),
        repeats=repeats,
        bfloat16=gpu_computes_bfloat16(),
        on_gpu=get_device() != "cpu",
        command=command,
    )
    num_train, num_held_out = split(len(found.files))
    with console.status("trying a few steps") if console.is_terminal else nullcontext():
        trial, workers = _try(plan, request, num_train)
    schedule = choose_length(
        num_train=num_train,
        num_held_out=num_held_out,
        batch_size=trial.batch_size,
        seconds_per_step=trial.seconds_per_step(workers),
        on_gpu=plan.on_gpu,
        epochs=request.epochs,
        seconds=request.duration,
        repeats=repeats,
    )
    rate, rate_why = learning_rate(schedule.batch_size * repeats, schedule.steps)
    settings = [
        Setting("images", data_of(found), f"listed in {short(run.data)}; {_how_checked(found)}"),
        Setting("held out", f"{num_held_out} images", "not trained on, to measure what is learnt"),
        Setting("classes", str(len(plan.classes) or "none"), _why_classes(plan.classes)),
        Setting("encoder", f"ConvNeXt V2 {plan.arch}", _why_arch(request, start is not None)),
        Setting("start", start.name if start else "random", start.licence if start else "no --weights"),
        Setting("image size", f"{size} x {size} pixels", size_why),
        Setting("mean, std", _numbers(plan), plan.normalisation.why),
        Setting("batch size", str(schedule.batch_size), _why_batch(trial, num_train)),
        *([Setting("repeats", str(repeats), "--repeats: masks for each loaded image")] if repeats > 1 else []),
        Setting("epochs", f"{schedule.epochs}, which are {schedule.steps} steps", schedule.why),
        Setting("learning rate", f"{rate:g}", rate_why),
        Setting("precision", *_precision(plan)),
        Setting("workers", str(workers), f"processes that load images, for {usable_cores()} cores"),
        Setting(
            "time", f"about {format_duration(schedule.seconds)}", f"{trial.seconds_per_step(workers):.2g} s a step"
        ),
    ]
    print_settings(console, settings)
    following = [
        f"cnxv2 finetune detect YOUR_DATA --from {short(run.path)}",
        f"cnxv2 embed {short(run.encoder)} {short(plan.images)}",
        f"cnxv2 swap mmdet::retinanet/retinanet_r50_fpn_1x_coco.py --weights {short(run.encoder)} -o my_detector.py",
    ]
    write_whole(json.dumps(_facts(plan, found), indent=2).encode(), run.data / FACTS)
    write_settings(run, "pretrain", command, settings, following)
    write_whole(pretraining_config(plan, schedule, rate, workers).encode(), run.config)
    console.print(
        f"\nIt will take about {format_duration(schedule.seconds)} on this machine ({this_machine()}).\n"
        f"All goes into {short(run.path)}: the log into run/, the page report.html, and in the end the encoder.\n"
        "Measured on images that are not trained on: the held-out loss is the error of what is painted, it begins at "
        "about 1 and falls; RankMe is over how many directions the features spread; the feature distance stays near "
        "0.5, and falls to 0 if all features become the same.",
        soft_wrap=True,
    )


def _try(plan: Plan, request: Request, num_train: int) -> tuple[Trial, int]:
    """Return the trial of the batch that the training will have, and the number of workers."""
    import_quietly("mmpretrain.datasets")
    with tempfile.TemporaryDirectory() as folder:
        config = _trial_config(plan, Path(folder))
        least = max(1, min(SMALLEST_BATCH, num_train) // plan.repeats)
        if request.duration is not None:
            first = largest_batch(config, [least])
            per_second = least * plan.repeats / first.seconds_per_step(choose_workers(first))
            seen = int(request.duration * per_second)
        else:
            epochs = request.epochs or default_epochs(num_train, plan.on_gpu, plan.repeats)[0]
            seen = epochs * num_train * plan.repeats
        most = max(least, wanted_batch(num_train, seen) // plan.repeats)
        sizes = [least * 2**i for i in range(12) if least * 2**i <= most]
        trial = largest_batch(config, sizes)
    return trial, choose_workers(trial)


def _trial_config(plan: Plan, folder: Path) -> Config:
    file = folder / "trial.py"
    file.write_text(pretraining_config(plan, Schedule(1, 1, 1, plan.repeats, 0.0, ""), 1e-4, 0), encoding="utf-8")
    return load_config(str(file))


def _facts(plan: Plan, found: Survey) -> dict[str, Any]:
    normalisation = plan.normalisation
    metadata: dict[str, Any] = {
        "task": "pretrain",
        "arch": plan.arch,
        "mean": list(normalisation.mean),
        "std": list(normalisation.std),
        "image_size": plan.size,
    }
    if plan.start is not None:
        metadata |= {"start_weights": plan.start.name, "start_licence": plan.start.licence}
    return {"title": f"ConvNeXt V2 {plan.arch}, FCMAE", "data": data_of(found), "metadata": metadata}


def _how_checked(found: Survey) -> str:
    total = len(found.files) + len(found.left_out)
    return "all decoded" if found.decoded >= total else f"{found.decoded} decoded, of the others the headers read"


def _why_classes(classes: tuple[str, ...]) -> str:
    if classes:
        return "folders; used for the k-NN accuracy alone, not for training"
    return "the images do not lie in two or more folders of the same depth"


def _why_arch(request: Request, by_weights: bool) -> str:
    if request.arch is not None:
        return "--arch"
    return "that of the weights" if by_weights else "the default; --arch changes it"


def _why_batch(trial: Trial, num_train: int) -> str:
    if trial.batch_size >= num_train:
        return "all images"
    needs = f"; needs {trial.memory / 2**30:.1f} GiB" if trial.memory >= 2**27 else ""
    return f"leaves many steps; fewer than 16 images compute slowly{needs}"


def _numbers(plan: Plan) -> str:
    first = list(zip(plan.normalisation.mean, plan.normalisation.std, strict=True))[:3]
    more = ", ..." if len(plan.normalisation.mean) > 3 else ""
    return ", ".join(f"{mean:.4g} ± {std:.4g}" for mean, std in first) + more


def _precision(plan: Plan) -> tuple[str, str]:
    if plan.bfloat16:
        return "bfloat16", "the GPU computes it; norms, GRN and the loss stay in float32"
    return "float32", "no GPU that computes bfloat16"

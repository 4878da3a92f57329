"""``cnxv2 finetune``: from labelled data and a pre-trained encoder to a model, by an ordinary config."""

import io
import json
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

from mmengine.device import get_device
from mmengine.runner import Runner
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from cnxv2_mm.machine import this_machine
from cnxv2_mm.recipes.duration import format_duration, parse_duration
from cnxv2_mm.recipes.finetuning.batch import choose_batch
from cnxv2_mm.recipes.finetuning.config_file import learning_rate, mixed_precision, trial_config, write_config
from cnxv2_mm.recipes.finetuning.model_card import write_model_card
from cnxv2_mm.recipes.finetuning.quiet_coco import quiet_coco
from cnxv2_mm.recipes.finetuning.results import best_scores, write_model
from cnxv2_mm.recipes.finetuning.schedule import Schedule, choose_schedule
from cnxv2_mm.recipes.finetuning.start import Start, find_start
from cnxv2_mm.recipes.finetuning.task import Plan, Step, Task, Wishes
from cnxv2_mm.recipes.finetuning.tasks import TASKS
from cnxv2_mm.recipes.progress import terminal
from cnxv2_mm.recipes.run import refresh_page, run_config_file
from cnxv2_mm.recipes.run_folder import RunFolder
from cnxv2_mm.recipes.settings import Setting, print_settings, write_settings
from cnxv2_mm.recipes.trial import Trial, choose_workers
from cnxv2_mm.training.saving import write_whole


@dataclass(frozen=True)
class Finetuning:
    """A fine-tuning that has ended.

    Attributes:
        config: The config that was run, ``config.py`` of the run folder.
        model: The weights with the best score, ``model.pth``; with the config, or alone, mmdet's, mmseg's and
            mmpretrain's inferencers take it.
        report: The page that shows the run.
        scores: The best scores on the validation images by name ('box AP', 'mIoU', 'top-1'), in [0, 1].
        classes: The names of the classes, in the order of the model's numbers.
        seconds: How long this call took.
    """

    config: Path
    model: Path
    report: Path
    scores: dict[str, float]
    classes: tuple[str, ...]
    seconds: float


def finetune(
    task: str,
    data: str | os.PathLike[str],
    *,
    start: str | os.PathLike[str] | None = None,
    out: str | os.PathLike[str] | None = None,
    duration: str | float | None = None,
    epochs: float | None = None,
    size: int | None = None,
    flip: bool = True,
    reduce_zero_label: bool = False,
    resume: bool = False,
    overwrite: bool = False,
    command: str | None = None,
) -> Finetuning:
    """Train a detector, a segmenter or a classifier on labelled images. Everything that is decided is in its config.

    Args:
        task: 'detect', 'segment' or 'classify'.
        data: The folder of labelled images; docs/finetune.md shows the forms for each task.
        start: Where the backbone starts: the run folder of a pre-training, a file of any dialect, or a name of
            ``cnxv2_mm.zoo``. Needed unless ``resume``.
        out: The run folder; ``work_dirs/<task>_<name of data>`` by default.
        duration: How long it may take: '2h', '90m' or seconds. By default the amount of data decides.
        epochs: How often each image comes, in place of ``duration``.
        size: The size of the images in pixels; by default that of the data, as the task says.
        flip: Whether images are mirrored in training. Not where left and right differ, as in text.
        reduce_zero_label: For segmentation: 0 in the label maps is ignored, n is class n - 1, as in ADE20K.
        resume: Go on with the run in ``out``, from its last checkpoint and by its config.
        overwrite: Remove the run in ``out`` and start anew.
        command: What the user typed, for the files that say so.

    Returns:
        Where the model is, and how good it is.

    Raises:
        ValueError: An argument is wrong, the data cannot be used, or ``out`` holds a run: one line for each reason.
        OSError: Something is missing, or cannot be written.
        FloatingPointError: A loss was not finite.
    """
    started = time.monotonic()
    if task not in TASKS:
        raise ValueError(f"task {task!r} is unknown: choose one of {', '.join(TASKS)}")
    data = Path(data).expanduser()
    folder = RunFolder(Path(out) if out is not None else Path("work_dirs") / f"{task}_{data.absolute().stem}")
    wishes = Wishes(size, flip, reduce_zero_label)
    console = terminal()
    command = command or f"cnxv2_mm.finetune({task!r}, {str(data)!r}, ...)"
    if resume:
        if overwrite or duration is not None or epochs is not None or wishes != Wishes():
            raise ValueError(
                f"--resume goes on by {folder.config} as it is: leave the other options out, or change that file"
            )
        folder.resume()
        if not folder.config.is_file():
            raise ValueError(f"{folder.path} was interrupted before its training began: start over by --overwrite")
    else:
        if start is None:
            raise ValueError(
                "--from is needed: the folder of a pre-training, a file, or a name that `cnxv2 zoo list` shows"
            )
        network = find_start(os.fspath(start))
        if not data.exists():
            raise FileNotFoundError(f"{str(data)!r} does not exist (looked for {data.absolute()})")
        seconds = parse_duration(duration) if isinstance(duration, str) else duration
        with folder.begin(overwrite=overwrite):
            _prepare(TASKS[task], data, folder, network, wishes, seconds, epochs, command, console)
    with quiet_coco():
        runner = run_config_file(folder, resume=resume)
    return _finish(TASKS[task], folder, runner, started, console)


def _prepare(
    task: Task,
    data: Path,
    folder: RunFolder,
    start: Start,
    wishes: Wishes,
    seconds: float | None,
    epochs: float | None,
    command: str,
    console: Console,
) -> None:
    """Check the data, decide, and write config and settings."""
    write_settings(folder, task.name, command, [], [])  # from here on the folder holds a run
    for note in start.notes:
        console.print(note)
    with _reading(console, data) as step:
        plan = task.plan(data, folder.data, start, wishes, step)
    _report_findings(plan, folder, console)
    trial = _try(plan, task, console)
    workers = choose_workers(trial)
    schedule = choose_schedule(
        num_train=plan.num_train,
        num_val=plan.num_val,
        batch_size=trial.batch_size,
        seconds_per_step=trial.seconds_per_step(workers),
        images_to_see=plan.images_to_see,
        images_why=plan.images_why,
        on_cpu=get_device() == "cpu",
        epochs=epochs,
        seconds=seconds,
    )
    settings = _settings(plan, start, trial, workers, schedule)
    print_settings(console, settings)
    write_config(folder, plan, task.scores[0], trial.batch_size, workers, schedule, command)
    write_settings(folder, task.name, command, settings, _next_commands(folder, data))
    console.print(
        f"It will take about {format_duration(schedule.seconds)} on this machine. Everything is written into "
        f"{folder.path}; {folder.report.name} there shows how it goes."
    )


@contextmanager
def _reading(console: Console, data: Path) -> Iterator[Step]:
    columns = (TextColumn("{task.description}", markup=False), BarColumn(bar_width=30), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        line = bar.add_task(f"reading {data}")
        yield lambda done, total: bar.update(line, completed=done, total=total)


def _try(plan: Plan, task: Task, console: Console) -> Trial:
    """Try how long a step takes; what libraries print while they build the data set is dropped."""
    with (
        console.status("trying a few steps"),
        tempfile.TemporaryDirectory() as temporary,
        redirect_stdout(io.StringIO()),
    ):
        return choose_batch(trial_config(plan, task.scores[0], Path(temporary)), plan.batch_sizes)


def _report_findings(plan: Plan, folder: RunFolder, console: Console) -> None:
    """Say what was found in the data, on the terminal and in ``data/findings.txt``."""
    lines = [finding.text for finding in plan.findings]
    write_whole("".join(f"{line}\n" for line in lines).encode(), folder.data / "findings.txt")
    if lines:
        console.print(f"{len(lines)} findings about the data (also in {folder.data / 'findings.txt'}):")
    for line in lines:
        console.print(f"- {line}")


def _settings(plan: Plan, start: Start, trial: Trial, workers: int, schedule: Schedule) -> list[Setting]:
    precision = mixed_precision()
    per_image = trial.memory / trial.batch_size / 2**20
    machine = this_machine()
    return [
        Setting("model", plan.title, f"ConvNeXt {start.name} as backbone"),
        Setting("data", plan.data, "counted"),
        Setting("weights", start.weights, "--from"),
        Setting("licence", start.licence, "of these weights"),
        *plan.settings,
        Setting("batch size", f"{trial.batch_size} images", f"{per_image:.0f} MiB an image on {machine}"),
        Setting("precision", precision or "float32", "the GPU has it" if precision else "no GPU that has bfloat16"),
        Setting("workers", str(workers), "as many as keep the device busy, one for each other core at most"),
        Setting(
            "learning rate",
            f"{learning_rate(plan, trial.batch_size):g}",
            f"{plan.rates.lr:g} for {plan.rates.batch_size} images, times the root of the ratio; {plan.rates.why}",
        ),
        Setting("layer decay", f"{plan.rates.layer_decay:g}", plan.rates.why),
        Setting("iterations", f"{schedule.max_iters} ({schedule.epochs:.3g} epochs)", schedule.why),
        Setting("validations", str(schedule.validations), f"every {schedule.val_interval} iterations"),
        Setting(
            "time",
            format_duration(schedule.seconds),
            f"{trial.seconds_per_step(workers):.3g} s a step here, validations included",
        ),
    ]


def _next_commands(folder: RunFolder, data: Path) -> list[str]:
    """Return what the user may type when the training has ended."""
    return [
        f"cnxv2 predict {folder.path} {data if data.is_dir() else data.parent} --out {folder.path / 'predictions'}",
        f"cnxv2 test {folder.config} {folder.model}",
        f"cnxv2 train {folder.config} --work-dir {folder.path / 'by_hand'}",
    ]


def _finish(task: Task, folder: RunFolder, runner: Runner, started: float, console: Console) -> Finetuning:
    """Write the model and its card, and say how good it is and what can be done with it."""
    content = json.loads(folder.settings.read_text())
    settings = [Setting(**setting) for setting in content["settings"]]
    classes = write_model(folder, task.scores[0])
    scores = best_scores(folder, task.scores)
    write_model_card(folder, settings, scores, content["next"])
    refresh_page(runner)
    reached = ", ".join(f"{name} {score:.3f}" for name, score in scores.items()) or "no score: nothing was found"
    console.print(f"Best on the validation images: {reached}. The weights are {folder.model}.", soft_wrap=True)
    _print_next(console, content["next"])
    return Finetuning(
        config=folder.config,
        model=folder.model,
        report=folder.report,
        scores=scores,
        classes=classes,
        seconds=time.monotonic() - started,
    )


def _print_next(console: Console, commands: Sequence[str]) -> None:
    console.print("Next:")
    for line in commands:
        console.print(f"  {line}", soft_wrap=True)

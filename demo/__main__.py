"""The whole job on real images, CPU only, in minutes: data, FCMAE pre-training, and three tasks that start from it.

    python -m demo            # ends with a table of scores and work_dirs/demo/contact_sheet.png
    python -m demo --quick    # the same chain with one epoch each, without score targets

Each training is a command of ``cnxv2``, as ``demo/tasks.py`` has them: settings, learning rates and sizes are what the
command decides. The exit status is 1 when a command fails or a score stays below its target.
"""

import argparse
import itertools
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from cnxv2_mm import command_line
from cnxv2_mm.recipes.run_folder import RunFolder
from demo.commands import CommandFailed, run_command
from demo.contact_sheet import draw_sheet
from demo.dataset import DatasetSpec, count_steps, is_complete, write_dataset
from demo.predictions import predict_pictures, predict_scenes
from demo.progress import progress
from demo.scores import Score, logged_trivial_scores, make_score, print_table, read_metric, write_json
from demo.tasks import ROOT, TASKS
from demo.trivial import trivial_scores

DATA_ROOT = Path("data/demo")
# Positions in the validation sets, on photographs in the public domain alone: the first scene on the gravel, the first
# two on the cat, and the first picture of each digit.
SHEET_SCENES = (2, 5, 10)
SHEET_PICTURES = (0, 39, 73, 107, 144, 180, 217, 253, 288, 323)


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m demo", description="Pre-train and fine-tune ConvNeXt V2 on real images, in minutes."
    )
    parser.add_argument("--quick", action="store_true", help="one epoch of each training, no score targets")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    args = parse_args(argv)
    # The configs name the data relative to the repository, as configs do.
    os.chdir(ROOT)
    console = command_line.console()
    # A shortened run must not replace the weights and the scores of a whole one.
    work_dir = Path("work_dirs/demo_quick" if args.quick else "work_dirs/demo")
    work_dir.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()

    make_data(DATA_ROOT, console)
    seconds = {}
    for task in TASKS:
        try:
            seconds[task.name] = run_command(task.arguments(DATA_ROOT, work_dir, args.quick), console)
        except CommandFailed as error:
            console.print(str(error), highlight=False)
            return 1
    scores = collect_scores(work_dir, DATA_ROOT, seconds)
    draw(work_dir, DATA_ROOT, console)
    total = time.monotonic() - started
    write_json(work_dir / "scores.json", scores, total)
    print_table(console, scores)
    if args.quick:
        console.print("This was one epoch each, which reaches no target: the targets are those of the whole demo.")
    pages = ", ".join(str(RunFolder(work_dir / task.name).report) for task in TASKS)
    console.print(f"{total / 60:.1f} minutes in all. Written: {work_dir}/scores.json and {work_dir}/contact_sheet.png")
    console.print(f"A page of each run: {pages}", soft_wrap=True)
    return 0 if args.quick or all(score.reached for score in scores) else 1


def make_data(data_root: Path, console: Console) -> None:
    """Write the data set unless an earlier run of this version has."""
    spec = DatasetSpec()
    if is_complete(data_root, spec):
        console.print(f"{'Data':<20}{data_root} is complete")
        return
    total = count_steps(spec)
    with progress(console, "Data") as report:
        done = itertools.count(1)
        write_dataset(data_root, spec, step=lambda: report(next(done), total, f"writing {data_root}"))


def collect_scores(work_dir: Path, data_root: Path, seconds: dict[str, float]) -> list[Score]:
    """Return the scores of all tasks, each beside what a trivial predictor gets on the same validation data."""
    trivial = {**trivial_scores(data_root), **logged_trivial_scores(work_dir)}
    return [
        make_score(task, metric, read_metric(work_dir / task.name, metric), trivial[metric.key], seconds[task.name])
        for task in TASKS
        for metric in task.metrics
    ]


def draw(work_dir: Path, data_root: Path, console: Console) -> None:
    """Draw the contact sheet from the trained models."""
    with progress(console, "Contact sheet") as report:
        report(0, None, "predicting scenes")
        scenes = predict_scenes(work_dir, data_root, SHEET_SCENES)
        report(0, None, "predicting pictures")
        pictures = predict_pictures(work_dir, SHEET_PICTURES)
        report(0, None, "drawing")
        draw_sheet(scenes, pictures, work_dir / "contact_sheet.png")


if __name__ == "__main__":
    sys.exit(main())

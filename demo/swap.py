"""Five published configs with their backbones replaced, by one command each, and trained on the demo's real images.

    python -m demo.swap                   # after `make demo` or `make demo-quick`, which write the data
    python -m demo.swap --iterations 5    # shorter

For each it runs ``tools/swap_backbone.py`` on the config, then ``tools/train.py``. The trainings start from the encoder
that the demo has pre-trained, if there is one. A table of losses is printed at the end. The exit status is 1 when a
swap or a training fails.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Column, Table

from cnxv2_mm import command_line
from cnxv2_mm.recipes.run_folder import RunFolder
from demo.swap_tasks import SWAP_TASKS, SwapTask, on_demo_data
from demo.tasks import PRETRAINING, ROOT
from demo.training import TrainingFailed, run_training

DATA_ROOT = Path("data/demo")
WORK_DIR = Path("work_dirs/demo_swap")


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m demo.swap", description="Swap the backbones of published configs and train them."
    )
    parser.add_argument("--iterations", type=int, default=40, metavar="N", help="of each training (default: 40)")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    args = parse_args(argv)
    os.chdir(ROOT)
    console = command_line.console()
    if not DATA_ROOT.is_dir():
        console.print(f"There is no {DATA_ROOT}; `make demo` or `make demo-quick` writes it.")
        return 1
    folders = (RunFolder(Path("work_dirs") / run / PRETRAINING.name) for run in ("demo", "demo_quick"))
    weights = next((str(folder.encoder) for folder in folders if folder.encoder.is_file()), "none")
    console.print(f"Weights to start from: {weights}")
    table = Table("model", Column("config", overflow="fold"), "first loss", "last loss", "seconds")
    for task in SWAP_TASKS:
        started = time.monotonic()
        try:
            first, last = swap_and_train(task, weights, args.iterations, console)
        except (TrainingFailed, subprocess.CalledProcessError) as error:
            console.print(str(error), highlight=False)
            return 1
        table.add_row(task.name, task.config, f"{first:.2f}", f"{last:.2f}", f"{time.monotonic() - started:.0f}")
    console.print(table)
    return 0


def swap_and_train(task: SwapTask, weights: str, iterations: int, console: Console) -> tuple[float, float]:
    """Return the mean losses of the first and of the last quarter of a training with the new backbone."""
    folder = WORK_DIR / task.name.lower().replace(" ", "_")
    folder.mkdir(parents=True, exist_ok=True)
    swapped, config = folder / "swapped.py", folder / "on_demo_data.py"
    options = [task.config, "--arch", "atto", "--weights", weights, "-o", str(swapped), "--overwrite"]
    subprocess.run([sys.executable, "tools/swap_backbone.py", *options], check=True, stdout=subprocess.DEVNULL)
    on_demo_data(swapped, task, iterations).dump(config)
    run_training(config, folder, [], task.name, console)
    losses = read_losses(folder)
    part = max(1, len(losses) // 4)
    return sum(losses[:part]) / part, sum(losses[-part:]) / part


def read_losses(folder: Path) -> list[float]:
    """Return the loss of each iteration of the latest training in a work folder."""
    latest = max(folder.glob("*/vis_data/scalars.json"))
    lines = [json.loads(line) for line in latest.read_text().splitlines()]
    return [line["loss"] for line in lines if "loss" in line]


if __name__ == "__main__":
    sys.exit(main())

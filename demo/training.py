"""Run ``tools/train.py`` on a config and show, all the time, how far it is."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

from rich.console import Console

from demo.progress import progress
from demo.tasks import ROOT

OUTPUT = "output.txt"
TAIL_LINES = 30
# mmengine's log: "... - Iter(train) [ 50/500]  lr: 1.0000e-03  eta: 0:02:10  time: 0.2  loss: 1.9372  loss_cls: ..."
STEP = re.compile(r"Iter\((?P<phase>train|val)\) *\[ *(?P<done>\d+)/(?P<total>\d+)\]")
DETAILS = {"loss": re.compile(r"\bloss: (\S+)"), "left": re.compile(r"\beta: (\S+)")}
PHASES = {"train": "training", "val": "validating"}


class TrainingFailed(RuntimeError):
    """``tools/train.py`` ended with an error; the message holds the end of what it printed."""


def run_training(config: Path, folder: Path, options: list[str], title: str, console: Console) -> float:
    """Train a config in ``folder`` with these changes to it, and return the seconds it took.

    All that the training prints is kept there in ``output.txt``. Raises TrainingFailed when it does not end well.
    """
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, str(ROOT / "tools/train.py"), str(config), "--work-dir", str(folder)]
    command += ["--overwrite"]  # every demo starts over
    command += ["--cfg-options", *options] if options else []
    started = time.monotonic()
    _run(command, folder / OUTPUT, title, console)
    return time.monotonic() - started


def describe(line: str) -> tuple[int, int, str] | None:
    """Return what a line of mmengine's log says of the progress: steps done, of how many, and a note.

    None if nothing.
    """
    step = STEP.search(line)
    if step is None:
        return None
    details = ((name, pattern.search(line)) for name, pattern in DETAILS.items())
    note = [PHASES[step["phase"]], *(f"{name} {found[1]}" for name, found in details if found)]
    return int(step["done"]), int(step["total"]), "  ".join(note)


def _run(command: list[str], output: Path, title: str, console: Console) -> None:
    # One line at a time, and through a pipe: Python would hold back whole pages.
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with (
        output.open("w") as log,
        subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process,
        progress(console, title) as report,
    ):
        latest: tuple[int, int | None, str] = (0, None, "starting")
        report(*latest)
        try:
            for line in process.stdout or ():
                log.write(line)
                latest = describe(line) or latest
                report(*latest)
        except BaseException:
            process.terminate()  # the demo was interrupted: no training must outlive it
            raise
    if process.returncode:
        tail = "\n".join(output.read_text().splitlines()[-TAIL_LINES:])
        raise TrainingFailed(
            f"{' '.join(command)}\nended with status {process.returncode}; "
            f"all it printed is in {output}, which ends with\n{tail}"
        )

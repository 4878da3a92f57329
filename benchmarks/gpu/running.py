"""Runs one step: a command in a process of its own, ended at its time limit, what it printed kept."""

import os
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PASSED, FAILED, TIMED_OUT, NEEDS_GPU = "passed", "failed", "timed out", "needs a GPU"


@dataclass(frozen=True)
class Step:
    """One thing to check or to measure.

    Attributes:
        name: Its name, of its log and of what it writes.
        what: What it does, in a line.
        command: Its command.
        limit: Seconds until it is ended.
        needs_gpu: Whether it means nothing without a GPU.
    """

    name: str
    what: str
    command: tuple[str, ...]
    limit: float
    needs_gpu: bool = False


@dataclass(frozen=True)
class Outcome:
    """What became of a step.

    Attributes:
        step: Its name.
        what: What it does.
        seconds: How long it took.
        outcome: 'passed', 'failed', 'timed out' or 'needs a GPU'.
        detail: What went wrong: the last line that it printed, or its limit.
    """

    step: str
    what: str
    seconds: float
    outcome: str
    detail: str = ""

    @property
    def is_bad(self) -> bool:
        return self.outcome in (FAILED, TIMED_OUT)


def run_step(step: Step, log: Path, environment: Mapping[str, str]) -> Outcome:
    """Run a step from the root of the checkout; at its limit it is killed, with all that it has started.

    Args:
        step: The step.
        log: The file for what it prints; an old one is replaced.
        environment: The environment variables of its command.
    """
    start = time.monotonic()
    with log.open("wb") as stream:
        process = subprocess.Popen(
            step.command,
            cwd=ROOT,
            env=dict(environment),
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            status = process.wait(step.limit)
        except subprocess.TimeoutExpired:
            status = None
        finally:
            with suppress(ProcessLookupError):  # the group of its session: compilers, loaders of images
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    seconds = round(time.monotonic() - start, 1)
    if status is None:
        return Outcome(step.name, step.what, seconds, TIMED_OUT, f"killed after {step.limit:g} seconds")
    if status:
        return Outcome(step.name, step.what, seconds, FAILED, _last_line(log))
    return Outcome(step.name, step.what, seconds, PASSED)


def _last_line(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1][:200] if lines else "it printed nothing"

"""Whether a run still runs, how far it is, and how it ended."""

from dataclasses import dataclass
from typing import Literal

from mmengine.runner import EpochBasedTrainLoop, Runner

from cnxv2_mm.command_line import message


@dataclass(frozen=True)
class State:
    """What is known of a run when its page is written.

    Attributes:
        kind: "running", "finished" (every step, or stopped early by a hook), "stopped" (by an error or by the user).
        step: How many steps the training has made.
        steps: How many it is to make.
        epoch: The epoch that runs, from 1; None in a training by iterations.
        epochs: How many there are to be.
        seconds_left: How long it will go on; None if that is not known.
        start: The step that this run went on from; 0 if it is new.
        started: When it started, in seconds since the epoch.
        written: When the page is written.
        period: How often the page is written, in seconds.
        error: Why it stopped, in one line.
    """

    kind: Literal["running", "finished", "stopped"]
    step: int
    steps: int
    epoch: int | None
    epochs: int | None
    seconds_left: float | None
    start: int
    started: float
    written: float
    period: float
    error: str | None = None


def ending(error: BaseException) -> str:
    """Say in one line why a run stopped."""
    if isinstance(error, KeyboardInterrupt):
        return "interrupted from the keyboard"
    if isinstance(error, SystemExit):
        return "ended by the program before its last step"
    name, text = type(error).__name__, message(error).splitlines()[0]
    return name if text == name else f"{name}: {text}"


def epochs_of(runner: Runner, step: int) -> tuple[int | None, int | None]:
    """Return the epoch that a step belongs to, from 1, and how many there are; None in a training by iterations."""
    if not isinstance(runner.train_loop, EpochBasedTrainLoop):
        return None, None
    return max(1, -(-step // len(runner.train_dataloader))), int(runner.max_epochs)


def seconds_left(runner: Runner) -> float | None:
    """Return mmengine's own estimate, from the mean time of a step in this run."""
    eta = runner.message_hub.runtime_info.get("eta")
    return None if eta is None else float(eta)

"""A training on the terminal: how far it is, the time left, the loss and the measures. The log has everything else."""

import logging
import sys
import time
from numbers import Real
from typing import Any

from mmengine.hooks import Hook
from mmengine.logging import MMLogger
from mmengine.runner import Runner
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from cnxv2_mm import command_line
from cnxv2_mm.recipes.duration import format_duration

# Where there is no terminal: seconds between lines, and letters in a line.
_LINE_INTERVAL = 10.0
_WIDTH = 120
# What the hooks and evaluators measure -> what it is called on the terminal. Others are shown only where none of these
# is there, by their own names.
_NAMES = {
    "held_out/loss": "held-out loss",
    "held_out/rank_me": "RankMe",
    "held_out/cosine_distance": "feature distance",
    "held_out/knn": "k-NN accuracy",
    "coco/bbox_mAP": "box AP",
    "coco/bbox_mAP_50": "box AP50",
    "coco/segm_mAP": "mask AP",
    "coco/segm_mAP_50": "mask AP50",
    "accuracy/top1": "top-1 accuracy in percent",
    "mIoU": "mIoU in percent",
    "aAcc": "pixel accuracy in percent",
}
# What mmengine says in every run, to developers.
_NOT_FOR_USERS = ("deprecated", "The prefix is not set in metric class")
_HELD_OUT = ("held_out/loss", "held_out/rank_me", "held_out/cosine_distance", "held_out/knn")


def terminal() -> Console:
    """Return the console of a command that trains: as wide as the terminal, or 120 letters where there is none."""
    return command_line.console(highlight=False, file=sys.stdout, width=None if sys.stdout.isatty() else _WIDTH)


class TerminalRunner(Runner):
    """mmengine's runner, whose log goes to its file. The terminal has a bar, the measures, and all warnings.

    Where the output is no terminal, a line every ten seconds stands for the bar.
    """

    def build_logger(self, *args: Any, **kwargs: Any) -> MMLogger:
        """Build the logger; its lines for the terminal are left to this class."""
        self._console = terminal()
        logger = super().build_logger(*args, **kwargs)
        logger.handlers = [handler for handler in logger.handlers if type(handler) is not logging.StreamHandler]
        logger.handlers.append(_Warnings(self._console))
        return logger

    def train(self) -> Any:
        """Train, and show it."""
        hook = ProgressHook(self._console)
        self.register_hook(hook)
        try:
            return super().train()
        finally:
            hook.close()


class _Warnings(logging.Handler):
    """Prints warnings and errors, but for those of a library to developers, which no user can act on."""

    def __init__(self, console: Console) -> None:
        super().__init__(logging.WARNING)
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if not any(part in text for part in _NOT_FOR_USERS):
            self._console.print(text, soft_wrap=True)


class ProgressHook(Hook):
    """Shows how far a training is.

    Args:
        console: Where it is shown.
    """

    priority = 95  # behind all that measure

    def __init__(self, console: Console) -> None:
        self._console = console
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=30),
            TextColumn("{task.fields[note]}", markup=False),
        )
        self._bar = Progress(*columns, console=console, transient=True) if console.is_terminal else None
        self._measured = 0

    def before_train(self, runner: Runner) -> None:
        """Start the bar, and show what was measured before the first step."""
        self._started = self._due = time.monotonic()
        self._first = runner.iter
        if self._bar is not None:
            self._bar.start()
            self._task = self._bar.add_task("training", total=runner.max_iters, completed=runner.iter, note="")
        if runner.iter:
            self._measured = self._count(runner)
            self._console.print(f"going on behind step {runner.iter} of {runner.max_iters}")
        self._show_held_out(runner, runner.iter)

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: dict[str, Any] | None = None
    ) -> None:
        """Show the step, and what was measured behind it."""
        done = runner.iter + 1
        self._show_held_out(runner, done)
        now = time.monotonic()
        if self._bar is None and now < self._due and done < runner.max_iters:
            return
        left = (now - self._started) / (done - self._first) * (runner.max_iters - done)
        note = f"step {done} of {runner.max_iters}, {self._loss(runner)}{format_duration(left)} left"
        if self._bar is not None:
            self._bar.update(self._task, completed=done, note=note)
        else:
            self._due = now + _LINE_INTERVAL
            self._console.print(note, soft_wrap=True)

    def before_val_epoch(self, runner: Runner) -> None:
        """Say that the validation runs."""
        self._describe("validating")

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Show what the validation measured."""
        self._describe("training")
        if metrics:
            self._print(f"step {runner.iter}", metrics)

    def close(self) -> None:
        """Take the bar away, at the end or after an error."""
        if self._bar is not None:
            self._bar.stop()

    def _describe(self, text: str) -> None:
        if self._bar is not None and self._bar.tasks:
            self._bar.update(self._task, description=text)

    def _loss(self, runner: Runner) -> str:
        history = runner.message_hub.log_scalars.get("train/loss")
        return "" if history is None else f"loss {history.mean(10):.3f}, "

    def _show_held_out(self, runner: Runner, step: int) -> None:
        """Print the held-out measures if there are new ones."""
        if self._count(runner) > self._measured:
            self._measured = self._count(runner)
            found = {name: runner.message_hub.log_scalars.get(name) for name in _HELD_OUT}
            self._print(f"step {step}", {name: history.current() for name, history in found.items() if history})

    def _count(self, runner: Runner) -> int:
        """Return how often the held-out images have been measured; a resumed run counts on."""
        history = runner.message_hub.log_scalars.get(_HELD_OUT[0])
        return 0 if history is None else len(history.data[0])

    def _print(self, when: str, numbers: dict[str, float]) -> None:
        values = {name: value for name, value in numbers.items() if isinstance(value, Real)}  # numpy's, too
        known = {name: value for name, value in values.items() if name in _NAMES}
        shown = [f"{_NAMES.get(name, name)} {value:.4g}" for name, value in (known or values).items()]
        self._console.print(f"{when}: {', '.join(shown)}", soft_wrap=True)

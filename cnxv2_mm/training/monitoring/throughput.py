"""Images per second, and memory where mmengine does not tell it."""

import sys
from collections import deque
from contextlib import suppress
from typing import Any

from mmengine.device import get_device
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

from cnxv2_mm.registry import HOOKS

_MEBIBYTE = 2**20


@HOOKS.register_module()
class ThroughputHook(Hook):
    """Adds ``images_per_second`` to the log and the visualizer, and on a machine without accelerator ``memory``.

    ``images_per_second`` counts the images of all processes in the steps over which the log averages ``time``; the time
    of the other hooks is in it. An image that :class:`~cnxv2_mm.ImagePreprocessor` repeats counts as often as it is
    trained on. ``memory`` is the largest number of MiB that the process has ever had in memory. On a
    GPU mmengine itself logs ``memory``: the largest number of MiB that PyTorch had allocated there.
    """

    priority = 55  # behind IterTimerHook ("NORMAL"), before LoggerHook ("BELOW_NORMAL")

    def __init__(self) -> None:
        self._sizes: deque[int] = deque()

    def before_run(self, runner: Runner) -> None:
        """Take the window of the log."""
        self._sizes = deque(maxlen=int(runner.log_processor.window_size))

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: dict[str, Any] | None = None
    ) -> None:
        """Count the step's images."""
        self._sizes.append(_count(data_batch) * _repeats(runner))
        seconds = runner.message_hub.get_scalar("train/time").mean(len(self._sizes)) * len(self._sizes)
        rate = sum(self._sizes) * runner.world_size / seconds
        runner.message_hub.update_scalar("train/images_per_second", rate)
        if get_device() == "cpu":
            with suppress(ImportError):  # Windows
                runner.message_hub.update_scalar("train/memory", peak_memory() // _MEBIBYTE)


def _count(data_batch: Any) -> int:
    """Return the number of images of a batch."""
    if not isinstance(data_batch, dict):
        return len(data_batch[0])
    return len(data_batch["data_samples"] if "data_samples" in data_batch else next(iter(data_batch.values())))


def _repeats(runner: Runner) -> int:
    """Return how many times an image of the loader is trained on in its step."""
    model = runner.model.module if is_model_wrapper(runner.model) else runner.model
    return getattr(getattr(model, "data_preprocessor", None), "repeats", 1)


def peak_memory() -> int:
    """Return the most bytes that this process has ever had in memory.

    Raises:
        ImportError: The system does not tell: Windows.
    """
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # KiB but on macOS

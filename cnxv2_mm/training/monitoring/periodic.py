"""When the hooks that look at held-out images do so."""

from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner

from cnxv2_mm.arguments import check_count
from cnxv2_mm.training.monitoring.held_out_images import FixedImages, held_out_images, pre_trained_model
from cnxv2_mm.training.monitoring.undisturbed import undisturbed


class PeriodicHook(Hook):
    """Calls :meth:`measure` in front of the first step, after every ``interval`` steps, and after the last one.

    The model is in evaluation meanwhile; afterwards the training goes on as if nothing had been. In a run of several
    processes all of them measure the same, and the first one reports: no process is ever waited for by another.

    Args:
        interval: Number of steps between two measures.
        num_images: Number of held-out images; all of them if there are fewer.

    Raises:
        ValueError: An argument is not a whole number, or is less than 1.
    """

    priority = 80  # behind FiniteCheckHook ("LOW"), before checkpoints ("VERY_LOW")

    def __init__(self, interval: int, num_images: int) -> None:
        check_count(f"{type(self).__name__}'s interval", interval)
        check_count(f"{type(self).__name__}'s num_images", num_images)
        self.interval = interval
        self.num_images = num_images
        self.images: FixedImages

    def before_train(self, runner: Runner) -> None:
        """Load the images, and measure unless the run goes on from a checkpoint.

        Raises:
            ValueError: The model is not FCMAE, or the run has no images that its training does not see.
        """
        pre_trained_model(runner)
        self.images = held_out_images(runner, self.num_images)
        if runner.iter == 0:
            self._measure(runner, 0)

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: dict[str, Any] | None = None
    ) -> None:
        """Measure at the interval and at the end."""
        if self.every_n_train_iters(runner, self.interval) or self.is_last_train_iter(runner):
            self._measure(runner, runner.iter + 1)

    def measure(self, runner: Runner, step: int) -> None:
        """Measure and report.

        Args:
            runner: The run.
            step: How many steps the training has made.
        """
        raise NotImplementedError

    def _measure(self, runner: Runner, step: int) -> None:
        with undisturbed(runner.model):
            self.measure(runner, step)

"""A training stops at the first loss that is not finite, before bad weights replace good ones on the disk.

One NaN pixel is enough to make every weight NaN. mmengine goes on, logs ``loss: nan`` and replaces its checkpoints.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import torch
from mmengine import dist
from mmengine.hooks import CheckpointHook, Hook
from mmengine.logging import print_log
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch import Tensor, nn
from torch.distributed.fsdp import FullyShardedDataParallel

from cnxv2_mm.checkpoints.wrappers import without_wrappers
from cnxv2_mm.registry import HOOKS
from cnxv2_mm.training.first_nonfinite import FirstNonFinite
from cnxv2_mm.training.nonfinite_report import NonFiniteReport, files_of

# Under loss scaling a step whose gradients are not finite is skipped, so that a single overflow harms nothing.
_SKIPPED_STEPS = 5
# Several processes compare notes this often, and before every checkpoint and validation; one process needs nobody.
_STEPS_BETWEEN_TALKS = 10


@HOOKS.register_module()
class FiniteCheckHook(Hook):
    """A hook that stops a training whose losses or weights are not finite. ``tools/train.py`` adds it to every run.

    Losses are checked in every step. This does not wait for the device: mmengine has fetched them for its log. Before
    the run stops, the batch is run again to find the first module whose output is not finite
    (:mod:`~cnxv2_mm.training.first_nonfinite`), and ``nonfinite_step_<step>.json`` is written into the run's folder
    (:class:`~cnxv2_mm.training.nonfinite_report.NonFiniteReport`).

    An optimiser wrapper that scales the loss (``AmpOptimWrapper``) skips a step whose gradients are not finite. So five
    such steps in a row are allowed, each with a line in the log. Weights are checked before a checkpoint is written and
    before a validation starts. Several processes stop together, at most ten steps late and never after a checkpoint.
    """

    priority = "LOW"  # behind the hooks that fetch losses and average weights, before the one that saves them

    def __init__(self) -> None:
        self.skipped = 0
        self.complaint: tuple[NonFiniteReport, str] | None = None  # what happened, and a line about it
        self.first_nonfinite = FirstNonFinite()
        self.from_the_start: set[str] = set()

    def before_train(self, runner: Runner) -> None:
        """Note which tensors are not finite from the start: they are so by design, like a stored attention mask."""
        self.from_the_start = set(map(without_wrappers, _bad_tensors(_tensors(runner.model))))
        self.first_nonfinite.attach(runner)

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Remember the batch, to run it again if its loss is not finite."""
        self.first_nonfinite.begin_step(data_batch)

    def after_train(self, runner: Runner) -> None:
        """Let go of the model."""
        self.first_nonfinite.detach()

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: dict[str, Any] | None = None
    ) -> None:
        """Check the losses of the step.

        Raises:
            FloatingPointError: A loss is not finite. The text names the step, the losses, the first module whose output
                is not finite, and the report, which has the files of the batch.
        """
        bad = {name: value for name, value in _losses(runner, outputs or {}) if not _is_finite(value)}
        if bad and self.complaint is None:
            self._note(runner, bad, data_batch)
        elif not bad:
            self.skipped = 0
        saves = any(_saves_after_step(hook, runner) for hook in runner.hooks)
        if saves or dist.get_world_size() == 1 or self.every_n_train_iters(runner, _STEPS_BETWEEN_TALKS):
            self._stop_together(runner)
        if saves:
            self._check_weights(runner.model, runner.iter + 1)

    def after_train_epoch(self, runner: Runner) -> None:
        """Check losses and weights before the checkpoint at the end of an epoch.

        Raises:
            FloatingPointError: A loss or a weight is not finite.
        """
        self._stop_together(runner)
        self._check_weights(runner.model, runner.iter)

    def before_val(self, runner: Runner) -> None:
        """Check losses and weights before a validation, whose scores may make a checkpoint the best one.

        Raises:
            FloatingPointError: A loss or a weight is not finite.
        """
        self._stop_together(runner)
        self._check_weights(runner.model, runner.iter)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Check the weights in a checkpoint before it is saved, the averaged ones too.

        Raises:
            FloatingPointError: A weight is not finite. The text names the tensors.
        """
        for part in ("state_dict", "ema_state_dict"):
            self._refuse(_bad_tensors(checkpoint.get(part, {}).items()), f"the checkpoint's {part}")

    def _note(self, runner: Runner, bad: Mapping[str, float], data_batch: Any) -> None:
        step = runner.iter + 1
        values = ", ".join(f"{name}={value}" for name, value in bad.items())
        files, broken = files_of(data_batch)
        scaler = getattr(runner.optim_wrapper, "loss_scaler", None)
        if scaler is not None and scaler.is_enabled() and self.skipped < _SKIPPED_STEPS:
            self.skipped += 1
            print_log(
                f"step {step}: {values}; loss scaling skips the step ({self.skipped} in a row, {_SKIPPED_STEPS} are "
                f"allowed). Files of the batch: {', '.join(files) or 'not known'}",
                logger="current",
                level=logging.WARNING,
            )
            return
        rate = next(iter(runner.optim_wrapper.get_lr().values()))[0]
        hint = (
            f"The input itself is not finite in {', '.join(broken)}: mend or remove it, or look at the data "
            "preprocessor's std."
            if broken
            else f"Look at the learning rate (lr={rate:.3g}), the labels and the files."
        )
        first = self.first_nonfinite.search(runner)
        losses = {name: str(value) for name, value in bad.items()}
        report = NonFiniteReport(step, dist.get_rank(), losses, rate, first.name, first.cause, files, broken)
        module = first.name + (f", and {first.cause}" if first.cause else "")
        self.complaint = (report, f"step {step}: {values}. First module with such an output: {module}. {hint}")

    def _stop_together(self, runner: Runner) -> None:
        """Stop every process if one of them has a complaint. All of them must call this at the same steps."""
        if dist.get_world_size() > 1:
            flag = torch.tensor(float(self.complaint is not None))
            dist.all_reduce(flag, "max")
            if not flag:
                return
            everyone = [complaint for complaint in dist.all_gather_object(self.complaint) if complaint is not None]
            self.complaint = min(everyone, key=lambda complaint: complaint[0].step)
        if self.complaint is not None:
            report, line = self.complaint
            # Nobody ends before the report is written: a launcher kills the other processes.
            where = dist.all_gather_object(report.write(runner.work_dir) if dist.is_main_process() else "")[0]
            raise FloatingPointError(f"the loss is not finite any more: {line} {where}")

    def _check_weights(self, model: nn.Module, step: int) -> None:
        bad = _bad_tensors(_tensors(model))
        if dist.get_world_size() > 1:  # each may hold a part of the weights
            bad = sorted({name for names in dist.all_gather_object(bad) for name in names})
        self._refuse(bad, f"the model after step {step}")

    def _refuse(self, bad: list[str], where: str) -> None:
        bad = [name for name in bad if without_wrappers(name) not in self.from_the_start]
        if bad:
            shown = ", ".join(bad[:5]) + (", ..." if len(bad) > 5 else "")
            raise FloatingPointError(
                f"{where} has {len(bad)} tensors that are not finite ({shown}): not saved, earlier checkpoints stay. "
                "Look at the learning rate, gradient clipping (optim_wrapper.clip_grad) and the data."
            )


def add_finite_check(runner: Runner) -> None:
    """Give a run the hook, unless its config has it already."""
    if not any(isinstance(hook, FiniteCheckHook) for hook in runner.hooks):
        runner.register_hook(FiniteCheckHook())


def _losses(runner: Runner, outputs: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the step's losses as numbers: those that mmengine's log holds cost no second transfer."""
    logged = runner.message_hub.log_scalars
    for name, value in outputs.items():
        if "loss" in name:
            yield name, float(logged[f"train/{name}"].current() if f"train/{name}" in logged else value)


def _is_finite(value: float) -> bool:
    return abs(value) < float("inf")  # False for nan


def _saves_after_step(hook: Hook, runner: Runner) -> bool:
    """Return whether a hook writes a checkpoint after this step. The condition is mmengine's."""
    return (
        isinstance(hook, CheckpointHook)
        and not hook.by_epoch
        and (
            hook.every_n_train_iters(runner, hook.interval, hook.save_begin)
            or (hook.save_last and hook.is_last_train_iter(runner))
        )
    )


def _tensors(model: nn.Module) -> Iterable[tuple[str, Tensor]]:
    """Return the tensors that a checkpoint stores of the model; under FSDP this process's share of the parameters."""
    if isinstance(model, FullyShardedDataParallel):
        return model.named_parameters()
    unwrapped: Any = model.module if is_model_wrapper(model) else model
    return unwrapped.state_dict().items()


def _bad_tensors(tensors: Iterable[tuple[str, Any]]) -> list[str]:
    """Return the names of the floating-point tensors that are not finite. One transfer from the device is needed."""
    named = [(name, t.detach()) for name, t in tensors if isinstance(t, Tensor) and t.is_floating_point() and t.numel()]
    if not named:
        return []
    norms = torch._foreach_norm([tensor for _, tensor in named], float("inf"))
    finite = torch.stack([norm.float() for norm in norms]).isfinite().tolist()
    return [name for (name, _), good in zip(named, finite, strict=True) if not good]

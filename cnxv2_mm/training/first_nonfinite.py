"""Which module was the first whose output is not finite: the batch is run once more, and every module is watched.

A NaN loss makes every weight NaN in the step of the optimiser, and then every module's output. So the search has to
come before that step. Whether the loss is finite is computed on the device behind the forward pass, and read in front
of the optimiser's step, when it has arrived long since: the device does not wait for it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from mmengine import dist
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch import Tensor, nn
from torch.distributed.fsdp import FullyShardedDataParallel
from torch.utils.hooks import RemovableHandle

from cnxv2_mm.training.random_state import RandomState, random_state, set_random_state, unchanged_random_state


@dataclass(frozen=True)
class FirstModule:
    """What the search has found.

    Attributes:
        name: The module's name in the model, with its class, or why none is known.
        cause: What of the module was not finite before its output was: its input, its weights, or neither; empty if
            no module was found.
    """

    name: str
    cause: str = ""


class FirstNonFinite:
    """Finds, during a training, the first module whose output is not finite.

    Not found are: a module of a model whose processes compute one forward pass together (FSDP, synchronised batch
    norm), and of a model whose whole step mmengine compiles (``compile`` in other tools than ours).
    """

    def __init__(self) -> None:
        self.found: FirstModule | None = None
        self.batch: Any = None
        self._state: RandomState | None = None
        self._loss_is_finite: _Flag | None = None
        self._handles: list[RemovableHandle] = []
        self._compiled = False

    def attach(self, runner: Runner) -> None:
        """Look at the losses of each step from now on, before the optimiser uses them."""
        if runner.cfg.get("compile"):
            self._compiled = True
            return
        self._handles = [_inner(runner.model).register_forward_hook(self._note_losses)]
        wrapper = runner.optim_wrapper
        # A dictionary of optimiser wrappers, as GANs have it, yields their names.
        wrappers = list(wrapper.values()) if hasattr(wrapper, "optim_wrappers") else [wrapper]
        for optimizer in (getattr(wrapper, "optimizer", None) for wrapper in wrappers):
            if isinstance(optimizer, torch.optim.Optimizer):
                self._handles.append(optimizer.register_step_pre_hook(lambda *_: self._before_update(runner)))

    def detach(self) -> None:
        """Leave model and optimiser as they were."""
        for handle in self._handles:
            handle.remove()
        self._handles = []

    def begin_step(self, batch: Any) -> None:
        """Remember what is needed to run this step again: its batch and the random numbers that it draws."""
        self.found, self._loss_is_finite = None, None
        self.batch, self._state = batch, random_state()

    def search(self, runner: Runner) -> FirstModule:
        """Return the first module of this step whose output is not finite; what was found already, if it was."""
        if self._compiled:
            return FirstModule("not known (the model is compiled)")
        if self.found is None:
            with unchanged_random_state():
                if self._state is not None:
                    set_random_state(self._state)
                self.found = _search(runner, self.batch)
        return self.found

    def _note_losses(self, model: nn.Module, args: Any, outputs: Any) -> None:
        if torch.is_grad_enabled() and isinstance(outputs, Mapping):
            values = [_total(value) for name, value in outputs.items() if "loss" in name]
            if values:
                self._loss_is_finite = _Flag(torch.stack(values).isfinite().all())

    def _before_update(self, runner: Runner) -> None:
        flag, self._loss_is_finite = self._loss_is_finite, None
        if flag is not None and not flag.read():
            self.search(runner)


class _Flag:
    """A boolean on its way from the device: only :meth:`read` waits, for what was queued before it alone."""

    def __init__(self, value: Tensor) -> None:
        self._value, self._event = value, None
        if value.is_cuda:
            self._value = torch.empty_like(value, device="cpu", pin_memory=True)
            self._value.copy_(value, non_blocking=True)
            self._event = torch.cuda.Event()
            self._event.record()

    def read(self) -> bool:
        if self._event is not None:
            self._event.synchronize()
        return bool(self._value)


class _Found(Exception):
    """Ends the second run at the module."""

    def __init__(self, module: FirstModule) -> None:
        super().__init__(module.name)
        self.module = module


def all_finite(value: Any) -> bool:
    """Return whether all numbers in a tensor, or in tensors inside of lists and dictionaries, are finite."""
    if isinstance(value, Tensor):
        return not value.is_floating_point() or bool(value.isfinite().all())
    if isinstance(value, Mapping):
        value = list(value.values())
    return not isinstance(value, list | tuple) or all(map(all_finite, value))


def _search(runner: Runner, batch: Any) -> FirstModule:
    if isinstance(runner.model, FullyShardedDataParallel):
        return FirstModule("not known (under FSDP no process can run the model alone)")
    model: Any = _inner(runner.model)
    if dist.get_world_size() > 1 and any(isinstance(module, nn.SyncBatchNorm) for module in model.modules()):
        return FirstModule("not known (with synchronised batch norm no process can run the model alone)")
    watched = [module.register_forward_hook(_check(name), with_kwargs=True) for name, module in model.named_modules()]
    try:
        # What the compiler made of a module does not call hooks that came later.
        with torch.compiler.set_stance("force_eager"), torch.no_grad(), runner.optim_wrapper.optim_context(model):
            model._run_forward(model.data_preprocessor(batch, True), mode="loss")
    except _Found as found:
        return found.module
    except Exception as error:  # the loss is what the run ends with, whatever happens here
        return FirstModule(f"not known (running the batch again failed: {type(error).__name__}: {error})")
    finally:
        for handle in watched:
            handle.remove()
    return FirstModule("none (the loss was finite when the batch was run again)")


def _check(name: str) -> Callable[[nn.Module, Any, Any, Any], None]:
    def hook(module: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
        if all_finite(output):
            return
        weights = [key for key, value in module.named_parameters(recurse=False) if not all_finite(value)]
        cause = "its input is finite"
        if not all_finite([args, kwargs]):
            cause = "its input is not finite either"
        elif weights:
            cause = f"its {' and '.join(weights)} is not finite"
        raise _Found(FirstModule(f"{name or 'the model itself'} ({type(module).__name__})", cause))

    return hook


def _inner(model: nn.Module) -> Any:
    return model.module if is_model_wrapper(model) else model


def _total(value: Any) -> Tensor:
    """Return a loss as mmengine adds it up: the mean of a tensor, the sum of the means of a list."""
    tensors = [value] if isinstance(value, Tensor) else value
    return torch.stack([tensor.detach().float().mean() for tensor in tensors]).sum()

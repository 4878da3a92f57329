"""``torch.compile`` in a training: the forward pass up to the losses as one graph, or each ConvNeXt block by itself.

mmengine's key ``compile`` compiles ``train_step``: what is in it besides the network does not suit the compiler. The
optimiser's learning rates, which change in every step, become constants of the graph; images that are still on the CPU
rule out CUDA graphs. So in ``tools/train.py`` the key means the hook below, which every other tool takes from a config.
"""

from collections.abc import Callable, Mapping
from types import FunctionType, MethodType
from typing import Any

import torch
from mmengine.config import Config, ConfigDict
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch import nn
from torch.distributed.fsdp import FullyShardedDataParallel

from cnxv2_mm.backbone import ConvNeXtV2Block
from cnxv2_mm.checkpoints.wrappers import without_wrappers
from cnxv2_mm.registry import HOOKS

TARGETS = ("loss", "blocks")
# Programs of one stage: with and without stochastic depth, for the first size and for all, and for the sizes of 1 that
# PyTorch always compiles anew. Its own limit, 8, may be short of it.
_PROGRAMS_OF_A_STAGE = 16
_MODES_WITH_CUDA_GRAPHS = ("reduce-overhead", "max-autotune")


@HOOKS.register_module()
class CompileHook(Hook):
    """A hook that compiles the model of a training. Evaluation runs as it is, and names in checkpoints stay.

    Args:
        target: 'loss' for the model's method ``loss``, which is the forward pass up to the losses, after the data
            preprocessor: few kernels, but long to compile, and not for models whose graph breaks (detectors).
            'blocks' for each ConvNeXt block by itself, of encoder and decoder: the blocks of a stage share a program,
            and the numbers of stochastic depth are those of a run that is not compiled. It works in any model and under
            FSDP.
        **options: Options of ``torch.compile``, such as ``mode``. ``dynamic`` is False for 'loss' if it is not given:
            each size of a batch has its own graph, such as the last batch of an epoch.

    Raises:
        ValueError: The target is unknown; when training starts: the model has no such part, or FSDP has wrapped the
            insides of what would be one graph.
        RuntimeError: In training: the inputs were of more kinds than PyTorch keeps programs for. It would go on without
            compiling, and say so in a warning.
    """

    def __init__(self, target: str = "loss", **options: Any) -> None:
        if target not in TARGETS:
            raise ValueError(f"CompileHook(target={target!r}): set target to one of {', '.join(TARGETS)}.")
        self.target = target
        self.options = {"dynamic": False, **options} if target == "loss" else options
        self._compiled: list[tuple[nn.Module, str]] = []
        self._limits: Any = None

    def before_train(self, runner: Runner) -> None:
        """Compile; PyTorch does it when the first batch comes."""
        model: Any = runner.model.module if is_model_wrapper(runner.model) else runner.model
        parts: dict[str, nn.Module] = {}
        method = "loss"
        if self.target == "blocks":
            method = "transform"
            parts = {name: one for name, one in model.named_modules() if isinstance(one, ConvNeXtV2Block)}
        elif any(isinstance(one, FullyShardedDataParallel) for one in runner.model.modules()):
            raise ValueError("compile: target='loss' is one graph, which FSDP would break: use target='blocks'.")
        elif hasattr(type(model), method):
            parts = {"model": model}
        if not parts:
            raise ValueError(f"compile: target={self.target!r}, but {type(model).__name__} has no {self.target}.")
        self._set_limits()
        functions: dict[str, Callable[..., Any]] = {}
        for name, module in parts.items():
            stage = without_wrappers(f"{name}.").removesuffix(".").rpartition(".")[0]
            if stage not in functions:
                plain = _with_programs_of_its_own(getattr(type(module), method), len(functions))
                functions[stage] = _in_training(plain, torch.compile(plain, **self.options), self.target)
            setattr(module, method, MethodType(functions[stage], module))  # a copy of the module is bound to itself
            self._compiled.append((module, method))
        what = "the forward pass of the losses" if self.target == "loss" else f"{len(parts)} ConvNeXt blocks"
        options = ", ".join(f"{key}={value!r}" for key, value in self.options.items()) or "PyTorch's defaults"
        print_log(f"torch.compile: {what} ({options}). The first steps take long.", logger="current")

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Tell CUDA graphs that a new step begins, so that they use the memory of the last one again."""
        if self.options.get("mode") in _MODES_WITH_CUDA_GRAPHS:
            torch.compiler.cudagraph_mark_step_begin()

    def after_train(self, runner: Runner) -> None:
        """Leave the model as it was."""
        for module, name in self._compiled:
            delattr(module, name)
        self._compiled = []
        self._limits.__exit__(None, None, None)

    def _set_limits(self) -> None:
        config: Any = torch._dynamo.config
        graphs = max(config.recompile_limit, _PROGRAMS_OF_A_STAGE if self.target == "blocks" else 0)
        self._limits = config.patch(recompile_limit=graphs, fail_on_recompile_limit_hit=True)
        self._limits.__enter__()


def use_compile_hook(config: Config) -> None:
    """Replace mmengine's key ``compile`` in a config by the hook, unless it names a target that is mmengine's.

    Args:
        config: A whole config; edited in place. ``compile`` is True, or a dict with the hook's arguments.
    """
    given = config.get("compile")
    arguments = dict(given) if isinstance(given, Mapping) else {}
    if not given or arguments.get("target", TARGETS[0]) not in TARGETS:
        return
    config.pop("compile")
    config.default_hooks = {
        **(config.get("default_hooks") or {}),
        "compile": ConfigDict(type="cnxv2_mm.CompileHook", **arguments),
    }


def _with_programs_of_its_own(function: FunctionType, stage: int) -> FunctionType:
    """Return a copy of a method that PyTorch does not take for the method of another stage.

    It keeps programs by the code that they are made of. The sizes of the stages would be taken for one stage whose size
    changes, and would get programs for any size.
    """
    code = function.__code__.replace(co_name=f"{function.__name__}_{stage}")
    return FunctionType(code, function.__globals__, code.co_name, function.__defaults__, function.__closure__)


def _in_training(plain: Callable[..., Any], compiled: Callable[..., Any], target: str) -> Callable[..., Any]:
    """Return a method that is compiled where gradients are wanted, and else the plain one."""

    def method(module: nn.Module, *args: Any, **kwargs: Any) -> Any:
        if not torch.is_grad_enabled():
            return plain(module, *args, **kwargs)
        try:
            return compiled(module, *args, **kwargs)
        except torch._dynamo.exc.FailOnRecompileLimitHit as error:
            fix = "use target='blocks'" if target == "loss" else "add dynamic=True"
            raise RuntimeError(
                f"compile: target={target!r} has met inputs of more than {torch._dynamo.config.recompile_limit} kinds, "
                f"for which PyTorch keeps no more programs: {fix}, or drop compile; TORCH_LOGS=recompiles says which."
            ) from error

    return method

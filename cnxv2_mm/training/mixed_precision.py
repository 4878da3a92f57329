"""Mixed precision (``--amp``), with and without a GPU, and what must stay in float32."""

import logging
import platform
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from mmengine.config import Config, ConfigDict
from mmengine.device import get_device
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.model import is_model_wrapper
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from mmengine.runner import Runner
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from cnxv2_mm.registry import HOOKS, OPTIM_WRAPPERS


@OPTIM_WRAPPERS.register_module()
class CpuAmpOptimWrapper(OptimWrapper):
    """Mixed precision on the CPU, where mmengine's ``AmpOptimWrapper`` refuses to start.

    The forward pass runs under CPU autocast in bfloat16. There is no loss scaling: bfloat16 has the exponent range of
    float32.
    """

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Autocast inside mmengine's own context, which delays gradient synchronisation while accumulating."""
        with super().optim_context(model), torch.autocast("cpu", dtype=torch.bfloat16):
            yield


@HOOKS.register_module()
class Float32OutputHook(Hook):
    """A hook that converts what a part of the model returns to float32 in training, for what follows it.

    Detectors that pool the maps inside of boxes need it in bfloat16. mmdetection gives the boxes the type of the maps.
    bfloat16 has 8 binary digits, so a coordinate between 512 and 1024 pixels moves by up to 2 pixels; float16 moves it
    by a quarter of a pixel. And a compiled mmcv cannot pool maps in bfloat16 at all.

    Args:
        part: The module's name inside the model, such as ``neck``. It returns a tensor, or a tuple or list of them.

    Raises:
        ValueError: When training starts: the model has no such part.
    """

    def __init__(self, part: str) -> None:
        self.part = part

    def before_train(self, runner: Runner) -> None:
        """Begin to convert."""
        self._handle = self.convert(runner.model.module if is_model_wrapper(runner.model) else runner.model)

    def convert(self, model: Any) -> RemovableHandle:
        """Make the part of a model return float32, until the handle removes it."""
        parts = dict(model.named_modules())
        if self.part not in parts:
            raise ValueError(
                f"Float32OutputHook(part={self.part!r}): the model has no such part; set part to the name of a module, "
                f"such as {', '.join(name for name, _ in model.named_children())}."
            )
        return parts[self.part].register_forward_hook(lambda module, inputs, output: _to_float32(output))

    def after_train(self, runner: Runner) -> None:
        """Leave the model as it was."""
        self._handle.remove()


def _to_float32(output: Any) -> Any:
    if isinstance(output, Tensor):
        return output.float()
    return type(output)(_to_float32(item) for item in output)


def use_amp(config: Config) -> None:
    """Change a config so that it trains in mixed precision, and log in one line how.

    A config that states its data type, or already trains in mixed precision, keeps it. Others get bfloat16 without loss
    scaling, and on CUDA devices that compute bfloat16 in float32 (compute capability below 8.0) float16 with dynamic
    loss scaling. On a CPU the data type is always bfloat16; on a processor without instructions for it this is slow,
    and the log warns.

    Args:
        config: A whole config; edited in place.

    Raises:
        ValueError: The config has no optimiser wrapper, or one that is neither ``OptimWrapper`` nor
            ``AmpOptimWrapper``.
    """
    wrapper = config.get("optim_wrapper")
    if wrapper is None:
        raise ValueError("--amp changes optim_wrapper, and the config has none: add optim_wrapper=dict(optimizer=...).")
    kind = _class_of(wrapper)
    if kind not in (OptimWrapper, AmpOptimWrapper):  # another library's may have the same name
        raise ValueError(
            f"--amp changes OptimWrapper to AmpOptimWrapper, but optim_wrapper.type is {wrapper['type']!r}: drop --amp."
        )
    if get_device() == "cpu":
        for option in ("loss_scale", "dtype", "use_fsdp"):
            wrapper.pop(option, None)
        wrapper.type = "cnxv2_mm.CpuAmpOptimWrapper"
        print_log("--amp on the CPU: autocast to dtype='bfloat16', without loss scaling.", logger="current")
        if not cpu_computes_bfloat16():
            print_log(
                "--amp: this processor has no instructions for bfloat16 (AVX512-BF16, AMX), so that it is slower than "
                "float32: drop --amp.",
                logger="current",
                level=logging.WARNING,
            )
        return
    if kind is OptimWrapper:
        wrapper.type = "AmpOptimWrapper"
        if "dtype" not in wrapper:
            _choose_type(wrapper)
        wrapper.setdefault("loss_scale", "dynamic")
    scale, dtype = wrapper.get("loss_scale", "dynamic"), wrapper.get("dtype") or "float16"  # mmengine's defaults
    print_log(f"--amp: autocast to dtype={str(dtype)!r}, loss_scale={scale!r}.", logger="current")


def bfloat16_wrapper() -> dict[str, Any]:
    """Return the beginning of an ``optim_wrapper`` in bfloat16, whose range is that of float32: no loss scaling."""
    return {"type": "AmpOptimWrapper", "dtype": "bfloat16", "loss_scale": {"enabled": False}}


def _choose_type(wrapper: ConfigDict) -> None:
    """Set the data type that suits the accelerator, and the loss scaling that suits the type."""
    if gpu_computes_bfloat16():
        wrapper.dtype = "bfloat16"
        wrapper.setdefault("loss_scale", ConfigDict(enabled=False))
    else:
        wrapper.dtype = "float16"


def gpu_computes_bfloat16() -> bool:
    """Return whether there is a GPU that has instructions for products in bfloat16."""
    return torch.cuda.is_available() and torch.cuda.is_bf16_supported(including_emulation=False)


def cpu_computes_bfloat16() -> bool:
    """Return whether the processor has instructions for products in bfloat16.

    PyTorch's public query for it is younger than the oldest PyTorch that we promise.
    """
    if platform.machine() in ("x86_64", "AMD64"):
        return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def check_amp_device(config: Config) -> None:
    """Refuse mmengine's mixed precision on a machine without an accelerator, where it cannot run.

    Raises:
        ValueError: The config has ``AmpOptimWrapper`` and the machine has a CPU alone.
    """
    if get_device() == "cpu" and _class_of(config.get("optim_wrapper") or {}) is AmpOptimWrapper:
        raise ValueError(
            "optim_wrapper.type='AmpOptimWrapper' needs an accelerator and this machine has none: add --amp to train "
            "in bfloat16 on the CPU."
        )


def _class_of(wrapper: Mapping[str, Any]) -> Any:
    """Return the class that ``optim_wrapper`` names, mmengine's if it names none; None if nobody has it."""
    kind = wrapper.get("type", OptimWrapper)
    return OPTIM_WRAPPERS.get(kind) if isinstance(kind, str) else kind

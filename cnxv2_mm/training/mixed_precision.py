"""Mixed precision (``--amp``), with and without a GPU."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.logging import print_log
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from torch import nn

from cnxv2_mm.registry import OPTIM_WRAPPERS


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


def use_amp(config: Config) -> None:
    """Change a config so that it trains in mixed precision.

    A config that already does keeps its data type. On a CPU the data type is always bfloat16.

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
    elif kind is OptimWrapper:
        wrapper.type = "AmpOptimWrapper"
        wrapper.setdefault("loss_scale", "dynamic")


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

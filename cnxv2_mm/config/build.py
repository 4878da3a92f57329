"""Builds a model, or a part of one, from its config so that it has shapes but no numbers."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

import torch
from mmengine.registry import MODELS
from torch import nn
from torch.overrides import TorchFunctionMode


class _NumbersOnCpu(TorchFunctionMode):
    """Makes ``torch.linspace`` and ``torch.tensor`` on the CPU: constructors read their values, such as drop rates."""

    def __torch_function__(
        self, func: Any, types: Sequence[type], args: tuple = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func in (torch.linspace, torch.tensor):
            kwargs = {"device": "cpu", **kwargs}
        return func(*args, **kwargs)


@contextmanager
def on_meta() -> Iterator[None]:
    """Make new tensors on the meta device, but for those of ``torch.linspace`` and ``torch.tensor``."""
    with torch.device("meta"), _NumbersOnCpu():
        yield


def build_on_meta(config: Mapping[str, Any] | Sequence[Any], scope: str | None = None) -> nn.Module:
    """Build a model on the meta device, where tensors have shapes but no numbers: it takes no memory.

    If a constructor reads numbers, the model is built on the CPU instead and then moved.

    Args:
        config: A model or a part of one; a list of parts becomes a chain. It is not changed.
        scope: The library whose types need no prefix, such as 'mmdet'; None for the default scope that is set.
    """
    try:
        with MODELS.switch_scope_and_registry(scope) as registry, on_meta():
            module = registry.build(deepcopy(config))
    except (RuntimeError, TypeError):  # what torch raises when the numbers of a meta tensor are asked for
        module = build_on_cpu(config, scope)
    return module.to("meta")


def build_on_cpu(config: Mapping[str, Any] | Sequence[Any], scope: str | None = None) -> nn.Module:
    """Build a model on the CPU, with random numbers; torch's random state stays as it is.

    Args:
        config: See :func:`build_on_meta`.
        scope: See :func:`build_on_meta`.
    """
    with MODELS.switch_scope_and_registry(scope) as registry, torch.random.fork_rng(devices=()):
        return registry.build(deepcopy(config))

"""Builds and runs parts of a config on the meta device, where tensors have shapes but no numbers."""

import logging
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import torch
from mmengine.config import ConfigDict
from mmengine.registry import MODELS
from torch import Tensor, nn

from cnxv2_mm.config.build import build_on_cpu, build_on_meta, on_meta
from cnxv2_mm.swap.refusal import tell

Shape = tuple[int, ...]
# What a part computes, as shapes: a tensor's shape, or the same nested in tuples and dictionaries.
Shapes = Any

# Settings of a part that do not change the shapes of what it computes.
_NOT_ABOUT_SHAPES = ("init_cfg", "pretrained", "with_cp")
_OWN_FOLDER = Path(__file__).parent

_log = logging.getLogger(__name__)
_P = ParamSpec("_P")
_T = TypeVar("_T")


@dataclass(frozen=True)
class Failure:
    """Why a part of a config could not be built or run. As a text it is one line, for messages.

    Attributes:
        error: The error that its code raised.
    """

    error: Exception

    def __str__(self) -> str:
        return tell(self.error)


def try_run(what: str, function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T | Failure:
    """Build or run a part of a config, which may fail in any way.

    A part may need more than maps, have an operator without a shape function, or be wrong in itself. Each failure is
    logged at level DEBUG with its traceback, under this module's name.

    Args:
        what: What is tried, for the log.
        function: What builds or runs the part.
        args: Its arguments.
        kwargs: Its named arguments.

    Returns:
        What the function returns, or its failure.

    Raises:
        Exception: The error arose in the code of ``cnxv2_mm.swap`` itself and not in the part's: it is a bug of ours.
    """
    try:
        return function(*args, **kwargs)
    except Exception as error:
        if _is_our_own(error):
            raise
        _log.debug("%s failed: %s", what, tell(error), exc_info=error)
        return Failure(error)


def _is_our_own(error: Exception) -> bool:
    """Whether the code that raised an error is in this folder."""
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    return Path(frame.f_code.co_filename).parent == _OWN_FOLDER


def build(config: Mapping[str, Any] | Sequence[Any], scope: str) -> nn.Module:
    """Build a part on the meta device. It loads no weights, and its synchronised batch norms are plain ones.

    Args:
        config: A part of a model; a list of parts becomes a chain.
        scope: The library whose types need no prefix, such as 'mmdet'.
    """
    return build_on_meta(_plain(config), scope)


def build_with_numbers(config: Mapping[str, Any] | Sequence[Any], scope: str) -> nn.Module:
    """Build what :func:`build` builds, but on the CPU and with random numbers."""
    return build_on_cpu(_plain(config), scope)


def find_type(config: Mapping[str, Any], scope: str) -> type | None:
    """Return the class that a config names, without building it; None if no registry knows it."""
    with MODELS.switch_scope_and_registry(config.get("_scope_") or scope) as registry:
        return registry.get(config["type"]) if isinstance(config["type"], str) else config["type"]


def run(module: nn.Module, inputs: Tensor | tuple[Tensor, ...], with_graph: bool = False) -> object:
    """Run a module of :func:`build` and return what it returns.

    If it fails without numbers, it is moved to the CPU and given zeros.

    Args:
        module: The module.
        inputs: Its only argument, on the meta device.
        with_graph: Record how the results depend on parameters, for :func:`parameters_behind`.

    Raises:
        Exception: Whatever the module raises when it is given zeros.
    """
    with torch.set_grad_enabled(with_graph):
        kind = type(module).__name__
        result = try_run(f"{kind} without numbers", _run_on_meta, module, inputs)
        if not isinstance(result, Failure):
            return result
        result = try_run(f"{kind} with zeros", _run_on_zeros, module, inputs)
        if isinstance(result, Failure):
            module.to("meta")  # it may work with the next input
            raise result.error
        return result


def _run_on_meta(module: nn.Module, inputs: Tensor | tuple[Tensor, ...]) -> object:
    with on_meta():
        return module(inputs)


def _run_on_zeros(module: nn.Module, inputs: Tensor | tuple[Tensor, ...]) -> object:
    module.to_empty(device="cpu")
    with torch.no_grad():
        for tensor in (*module.parameters(), *module.buffers()):
            tensor.zero_()
    if isinstance(inputs, Tensor):
        return module(torch.zeros(inputs.shape))
    return module(tuple(torch.zeros(tensor.shape) for tensor in inputs))


def parameters_behind(result: Tensor) -> set[nn.Parameter]:
    """Return the parameters that a result of :func:`run` with ``with_graph`` is computed from."""
    found, seen, waiting = set(), set(), [result.grad_fn]
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if hasattr(node, "variable"):
            found.add(node.variable)
        waiting += [before for before, _ in node.next_functions]
    return found


def count(parameters: Iterable[nn.Parameter]) -> int:
    """Return how many numbers some parameters have together."""
    return sum(parameter.numel() for parameter in parameters)


def shapes_of(result: object) -> Shapes:
    """Return the shapes of the tensors in a result; anything that is no tensor stands as the name of its class."""
    if isinstance(result, Tensor):
        return tuple(result.shape)
    if isinstance(result, Mapping):
        return {key: shapes_of(value) for key, value in result.items()}
    if isinstance(result, Sequence) and not isinstance(result, str):
        return tuple(shapes_of(value) for value in result)
    return type(result).__name__


def _plain(value: object) -> Any:
    """Return a copy of a config without what loads weights, recomputes activations or needs several processes."""
    if isinstance(value, Mapping):
        plain = ConfigDict({key: _plain(item) for key, item in value.items() if key not in _NOT_ABOUT_SHAPES})
        if plain.get("type") in ("SyncBN", "MMSyncBN"):
            plain["type"] = "BN"
        return plain
    if isinstance(value, list | tuple):
        return type(value)(_plain(item) for item in value)
    return value

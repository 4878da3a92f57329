"""Parts of a config as modules that have shapes but no numbers."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from mmengine.config import ConfigDict
from mmengine.registry import MODELS
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

Shape = tuple[int, ...]
# What a part computes, as shapes: a tensor's shape, or the same nested in tuples and dictionaries.
Shapes = Any

_WITHOUT = ("init_cfg", "pretrained", "with_cp")


class _NumbersOnCpu(TorchFunctionMode):
    """Inside ``torch.device('meta')``: what is made of numbers, such as drop rates, may be read as numbers."""

    def __torch_function__(
        self, func: Any, types: Sequence[type], args: tuple = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func in (torch.linspace, torch.tensor):
            kwargs = {"device": "cpu", **kwargs}
        return func(*args, **kwargs)


def build(config: Mapping[str, Any] | Sequence[Any], scope: str) -> nn.Module:
    """Build a part on the meta device: no weights are loaded, synchronised batch norms are plain ones.

    Args:
        config: A model's part; a list of them becomes a chain.
        scope: The library whose types have no prefix, such as 'mmdet'.
    """
    with MODELS.switch_scope_and_registry(scope) as registry:
        try:
            with torch.device("meta"), _NumbersOnCpu():
                module = registry.build(_plain(config))
        except (RuntimeError, NotImplementedError):  # a constructor that looks at other numbers
            module = build_with_numbers(config, scope)
    return module.to("meta")


def build_with_numbers(config: Mapping[str, Any] | Sequence[Any], scope: str) -> nn.Module:
    """Return what :func:`build` builds, on the CPU and with the constructors' random numbers."""
    with MODELS.switch_scope_and_registry(scope) as registry, torch.random.fork_rng(devices=()):
        return registry.build(_plain(config))


def find_type(config: Mapping[str, Any], scope: str) -> type | None:
    """Return the class that a config names, without building it."""
    with MODELS.switch_scope_and_registry(config.get("_scope_") or scope) as registry:
        return registry.get(config["type"]) if isinstance(config["type"], str) else config["type"]


def run(module: nn.Module, inputs: Tensor | tuple[Tensor, ...], with_graph: bool = False) -> object:
    """Return what a module of :func:`build` returns.

    One that cannot do without numbers is moved to the CPU and given zeros.

    Args:
        module: The module.
        inputs: Its only argument, on the meta device.
        with_graph: Record how the results depend on parameters, for :func:`parameters_behind`.
    """
    with torch.set_grad_enabled(with_graph):
        try:
            with torch.device("meta"), _NumbersOnCpu():
                return module(inputs)
        except Exception:  # it looks at numbers, or an operator of it has no shape function, whatever that raises
            _fill_with_zeros(module)
            is_one = isinstance(inputs, Tensor)
            zeros = [torch.zeros(tensor.shape) for tensor in ([inputs] if is_one else inputs)]
            try:
                return module(zeros[0] if is_one else tuple(zeros))
            except Exception:
                module.to("meta")  # the next input may do
                raise


def _fill_with_zeros(module: nn.Module) -> None:
    module.to_empty(device="cpu")
    with torch.no_grad():
        for tensor in (*module.parameters(), *module.buffers()):
            tensor.zero_()


def parameters_behind(result: Tensor) -> set[nn.Parameter]:
    """Parameters that a result of :func:`run` with graph is computed from."""
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
    """Numbers in some parameters."""
    return sum(parameter.numel() for parameter in parameters)


def shapes_of(result: object) -> Shapes:
    """Return the shapes inside a result; anything that is no tensor counts by its type."""
    if isinstance(result, Tensor):
        return tuple(result.shape)
    if isinstance(result, Mapping):
        return {key: shapes_of(value) for key, value in result.items()}
    if isinstance(result, Sequence) and not isinstance(result, str):
        return tuple(shapes_of(value) for value in result)
    return type(result).__name__


def _plain(value: object) -> Any:
    """Return a copy of a config without weights, recomputation and synchronisation."""
    if isinstance(value, Mapping):
        plain = ConfigDict({key: _plain(item) for key, item in value.items() if key not in _WITHOUT})
        if plain.get("type") in ("SyncBN", "MMSyncBN"):
            plain["type"] = "BN"
        return plain
    if isinstance(value, list | tuple):
        return type(value)(_plain(item) for item in value)
    return value

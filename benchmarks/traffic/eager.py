"""Bytes and launches of PyTorch's operators as they are called, one after another.

Every operator counts once what it reads and once what it writes. Exact are the sizes of the operands; estimated are:

- How many kernels an operator launches (``launches.py``).
- That each kernel of an operator finds its operands in the cache if the one before has read them.
- That an operator moves nothing else: no workspace of cuBLAS or cuDNN, no copy to another memory format.

An operand that is expanded counts what it has in memory. Of a gather or scatter count the cells that are moved. Views
and allocations cost nothing. Operators of this package are looked into: what counts are PyTorch's operators inside, and
for each Triton kernel one launch, its tensors once each.
"""

import math
from collections.abc import Callable, Iterable
from typing import Any
from unittest import mock

import torch
from torch import Tensor
from torch._library.custom_ops import OPDEFS
from torch._ops import OpOverload
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from benchmarks.traffic.count import Count
from benchmarks.traffic.launches import ALLOCATES, count_launches

# They read as much of their first argument as they return.
GATHERS = {"index", "index_select", "gather", "embedding", "take"}
# They change as much of their first argument as they are given.
SCATTERS = {"index_add", "index_add_", "index_copy", "index_copy_", "scatter_", "scatter_add_", "_index_put_impl_"}
SCATTERS |= {"index_put_"}
# They change their first argument without reading it.
OVERWRITES = {"bernoulli_", "copy_", "exponential_", "fill_", "normal_", "random_", "uniform_", "zero_"}


class HostQuestionError(Exception):
    """An operator makes the host wait for the device."""


class Counter(TorchDispatchMode):
    """Counts what is called while it is the innermost mode.

    Args:
        device: The kind of device whose operators count, 'cuda' or 'cpu'.

    Attributes:
        count: What was counted; another one may be put in its place.

    Raises:
        HostQuestionError: A tensor is copied from or to another device, and the host waits for it.
    """

    def __init__(self, device: str) -> None:
        super().__init__()
        self.device = device
        self.count = Count()
        self._inside = ""

    def __torch_dispatch__(
        self, func: OpOverload, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func.namespace == "prim":  # asks a tensor for its device
            return func(*args, **kwargs)
        implementation = find_implementation(func, self.device)
        if implementation is not None:
            return self._look_into(func, implementation, args, kwargs)
        with self:
            result = func.decompose(*args, **kwargs)
        if result is not NotImplemented:
            return result
        result = func(*args, **kwargs)
        self._refuse_questions(func, args, kwargs, result)
        if any(t.device.type == self.device for t in _tensors((args, kwargs, result))):
            size, launches = measure_call(func, args, kwargs, result)
            if launches:
                self.count.add(self._inside + _name(func, args, result), size, launches)
        return result

    def _look_into(
        self, func: OpOverload, implementation: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Run the implementation of an operator of this package with its kernels counted, not launched."""
        name = func.overloadpacket.__name__
        self.count.add_own_call(name)
        outside, self._inside = self._inside, f"{name}: "
        try:
            with self, torch.no_grad(), _launches_go_to(self._add_launch):
                return implementation(*args, **kwargs)
        finally:
            self._inside = outside

    def _add_launch(self, kernel: Any, *args: Any, **kwargs: Any) -> None:
        size = sum(touched_bytes(t) for t in _once(_tensors((args, kwargs))))
        self.count.add(f"{self._inside}{kernel.fn.__name__}", size, 1)

    def _refuse_questions(self, func: OpOverload, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
        """Refuse a copy between devices for which the host waits."""
        name = func.overloadpacket.__name__
        waits = name in ("_to_copy", "copy_") and True not in (*args[2:3], kwargs.get("non_blocking"))
        if waits and {t.device.type for t in _tensors((args, result))} > {self.device}:
            raise HostQuestionError(str(func))


def measure_call(func: OpOverload, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> tuple[int, int]:
    """Return the bytes that a call reads and writes, and the kernels that it launches."""
    name = func.overloadpacket.__name__
    written = _written(func, args, kwargs)
    outputs = _tensors(result)
    known = {_storage(t) for t in _tensors((args, kwargs))}
    new = [t for t in outputs if _storage(t) not in known]
    if name in ALLOCATES or (outputs and not new and not written):
        return 0, 0
    reads = list(_once(t for t in _tensors((args, kwargs)) if all(t is not one for one in written)))
    size = sum(touched_bytes(t) for t in (*reads, *_once(new)))
    if name in GATHERS:
        size -= max(0, touched_bytes(args[0]) - sum(touched_bytes(t) for t in new))
    for t in written:
        part = touched_bytes(t)
        if name in SCATTERS:
            part = min(part, max(touched_bytes(r) for r in reads))
        only_written = name in OVERWRITES or any(t is one for one in kwargs.values())
        size += part if only_written or name in ("index_copy_", "scatter_") else 2 * part
    return size, count_launches(func, args, kwargs)


def touched_bytes(t: Tensor) -> int:
    """Return the bytes of memory that a tensor has: what is expanded counts once."""
    elements = math.prod(size for size, stride in zip(t.shape, t.stride(), strict=True) if stride or not size)
    return min(elements * t.itemsize, t.untyped_storage().nbytes())


def find_implementation(func: OpOverload, device: str) -> Callable[..., Any] | None:
    """Return what runs when an operator of this package is called, or None for an operator of somebody else."""
    if func.namespace != "cnxv2_mm":
        return None
    definition = OPDEFS[func.name()]
    return definition._backend_fns.get(device) or definition._init_fn


def _launches_go_to(record: Callable[..., None]) -> Any:
    """Call ``record(kernel, ...)`` in the place of every launch of a Triton kernel."""
    from triton.runtime.jit import JITFunction

    def run(kernel: Any, *args: Any, grid: Any, warmup: bool, **kwargs: Any) -> None:
        record(kernel, *args, **kwargs)

    return mock.patch.object(JITFunction, "run", run)


def _written(func: OpOverload, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Tensor]:
    """Return the arguments that a call changes."""
    names = [argument.name for argument in func._schema.arguments]
    given = dict(zip(names, args, strict=False)) | kwargs
    changed = {a.name for a in func._schema.arguments if a.alias_info is not None and a.alias_info.is_write}
    return _tensors([value for name, value in given.items() if name in changed])


def _tensors(tree: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]


def _once(tensors: Iterable[Tensor]) -> Iterable[Tensor]:
    """Leave out tensors that are there already, as views of the same cells or as the same object."""
    return {(_storage(t), t.storage_offset(), t.shape, t.stride()): t for t in tensors}.values()


def _storage(t: Tensor) -> int:
    return t.untyped_storage()._cdata


def _name(func: OpOverload, args: tuple[Any, ...], result: Any) -> str:
    """Return the name of an operator, for a copy with the types between which it converts."""
    name = func.overloadpacket.__name__
    if name in ("_to_copy", "copy_"):
        source = args[0] if name == "_to_copy" else args[1]
        return f"{name}, {str(source.dtype)[6:]} to {str(result.dtype)[6:]}"
    return name

"""Bytes and launches of the code that ``torch.compile`` generates for a GPU, forward and backward.

The bytes are those that Inductor itself counts (``GraphLowering.count_bytes``): each kernel reads each of its inputs
once and writes its outputs once. The launches are counted in the generated code. Operators that Inductor calls and does
not generate count as in ``eager.py``, those of this package with what is inside.
"""

import copy
import re
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import torch
import torch._functorch.config as functorch_config
import torch._inductor.config as inductor_config
import torch.utils._triton
from torch import Tensor
from torch._inductor import ir
from torch._inductor.fx_passes import joint_graph
from torch._inductor.graph import GraphLowering
from torch._ops import OpOverload
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._pytree import tree_map_only

from benchmarks.traffic.count import Count
from benchmarks.traffic.eager import Counter, find_implementation
from benchmarks.traffic.launches import count_launches

CAPABILITY = 90
# What the generated code launches: kernels of Triton, of cuBLAS and cuDNN, and operators that are called as they are.
TRITON_LAUNCH = re.compile(r"^\s+(\w+)\.run\(", re.MULTILINE)
VIEWS = {"_unsafe_view", "alias", "expand", "permute", "select", "slice", "t", "transpose", "unsqueeze", "view"}
CALL = re.compile(r"(extern_kernels\.\w+|torch\.ops\.[\w.]+|aten\.[\w.]+)\(")


@dataclass
class Graph:
    """What Inductor made of a pass.

    Attributes:
        code: The Python file that it generated.
        count: Its bytes and launches; an operator of this package is not in it.
        calls: The operators of this package that it calls, with their arguments, fake tensors.
    """

    code: str
    count: Count
    calls: list[tuple[OpOverload, tuple[Any, ...], dict[str, Any]]] = field(default_factory=list)


class _NotRunError(BaseException):
    """Raised where generated code would be run; not an Exception, which Dynamo would wrap."""


class _Described:
    """What Triton asks a driver while code is generated."""

    def get_current_target(self) -> Any:
        from triton.backends.compiler import GPUTarget

        return GPUTarget("cuda", CAPABILITY, 32)

    def get_current_device(self) -> int:
        return 0

    def get_current_stream(self, _: int) -> int:
        return 0

    def get_device_interface(self) -> Any:
        return torch.cuda

    def get_active_torch_device(self) -> torch.device:
        return torch.device("cuda", 0)


def compile_graphs(function: Callable[..., Any], inputs: tuple[Tensor, ...], options: dict[str, Any]) -> list[Graph]:
    """Return the graphs of a function of fake CUDA tensors: the forward pass and, if there is one, the backward pass.

    Args:
        function: Compiled with static shapes and in one graph. Nothing of it is run.
        inputs: Its arguments; their mode has to be active.
        options: Inductor's, as for ``torch.compile(options=...)``.

    Raises:
        ImportError: This PyTorch generates the backward pass only when it is run.
    """
    import triton

    if not hasattr(functorch_config, "force_non_lazy_backward_lowering"):
        raise ImportError(
            f"torch {torch.__version__} generates the backward pass only when it is run; count --mode eager, or "
            "install the version of requirements.txt"
        )

    triton.runtime.driver.set_active(_Described())
    graphs: list[Graph] = []

    def keep(self: GraphLowering) -> Any:
        graphs.append(_read(self))
        module: Any = types.ModuleType("generated")
        module.__file__ = "generated.py"
        module.call, module.runner = _refuse, None
        return module

    torch._dynamo.reset()
    with _without_a_device(), mock.patch.object(GraphLowering, "_compile_to_module", keep), suppress(_NotRunError):
        torch.compile(function, dynamic=False, fullgraph=True, options=options)(*inputs)
    return graphs


def count_graph(graph: Graph, mode: FakeTensorMode) -> Count:
    """Return all that a graph comes to, what is inside operators of this package too."""
    counter = Counter("cuda")
    counter.count = copy.deepcopy(graph.count)
    with mode, torch.no_grad():
        for operator, args, kwargs in graph.calls:
            args, kwargs = tree_map_only(Tensor, _like, (args, kwargs))
            with counter:
                operator(*args, **kwargs)
    return counter.count


@contextmanager
def _without_a_device() -> Iterator[None]:
    """Keep the compiler from everything that needs a device that works, and from its caches."""
    inductor: dict[str, Any] = {
        "fx_graph_cache": False,
        "compile_threads": 1,
        "joint_graph_constant_folding": False,
        "triton.autotune_at_compile_time": False,
    }
    functorch: dict[str, Any] = {"enable_autograd_cache": False, "force_non_lazy_backward_lowering": True}
    with (
        inductor_config.patch(inductor),
        functorch_config.patch(functorch),
        mock.patch.object(torch.utils._triton, "triton_hash_with_backend", return_value="mock"),
        # Its patterns are drawn with real CUDA tensors; none applies to a convolutional network.
        mock.patch.object(joint_graph, "lazy_init"),
    ):
        yield


def _refuse(*_: Any) -> None:
    raise _NotRunError


def _read(lowering: GraphLowering) -> Graph:
    """Generate the code of a graph, and count what it moves and launches."""
    code: Any = lowering.codegen()[0]
    text: str = getattr(code, "value", code)
    graph = Graph(text, Count())
    in_code = count_launches_in(text)
    nodes: list[Any] = lowering.scheduler.nodes
    for node in nodes:
        size = int(node.get_read_write_buffers_sizes())
        operator = getattr(node.node, "op_overload", None)
        if isinstance(operator, OpOverload) and find_implementation(operator, "cuda") is not None:
            origin = _origin(node, operator)
            args, kwargs = torch.fx.node.map_arg((origin.args, origin.kwargs), lambda n: n.meta["val"])
            graph.calls.append((operator, tuple(args), dict(kwargs)))
            in_code -= 1
        elif size:
            launches = _launches(node)
            graph.count.add(_name(node), size, launches)
            in_code -= min(launches, 1)
    # Mostly a node of the schedule is a kernel. The code has the last word: it splits and merges some.
    graph.count.add("difference of code and schedule", 0, in_code)
    return graph


def _launches(node: Any) -> int:
    """Return the launches of a node of Inductor's schedule: one, but for some of the operators that it only calls."""
    operator = getattr(node.node, "op_overload", None)
    # What Inductor knows (convolutions, products) is one kernel: it fuses the bias with what follows.
    if isinstance(node.node, ir.FallbackKernel) and isinstance(operator, OpOverload):
        origin = _origin(node, operator)
        return count_launches(operator, origin.args, origin.kwargs)
    return 1


def _origin(node: Any, operator: OpOverload) -> torch.fx.Node:
    """Return the node of the traced graph whose operator a node of the schedule calls."""
    return next(origin for origin in node.node.origins if origin.target is operator)


def count_launches_in(code: str) -> int:
    """Return how many kernels generated code launches and how many operators it calls."""
    body = code.split("def call(")[-1]
    return len(TRITON_LAUNCH.findall(body)) + len(CALL.findall(body))


def _name(node: Any) -> str:
    """Return what a kernel computes: the operators that it fuses, without views."""
    names = set()
    for one in node.get_nodes():
        for origin in getattr(one.node, "origins", ()):
            target = origin.meta.get("original_aten", origin.target)
            names.add(target.overloadpacket.__name__ if isinstance(target, OpOverload) else str(target))
    return " ".join(sorted(names - VIEWS) or sorted(names))


def _like(t: Tensor) -> Tensor:
    return torch.empty_strided(t.shape, t.stride(), dtype=t.dtype, device=t.device)

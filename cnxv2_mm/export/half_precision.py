"""Half precision inside of an exported model, as mixed precision has it in training."""

import operator
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram
from torch.fx import Node
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_map_only

_CAST = torch.ops.aten._to_copy.default
_CHECK = torch.ops.aten._assert_tensor_metadata.default
# Sums over many numbers: norms, and averages of whole maps. Batch norm sums nothing in a test, but its variances may
# be beyond the range of float16, and OpenVINO takes none whose image and statistics are of two types.
_SUMS = {F.layer_norm, F.group_norm, F.instance_norm, F.batch_norm, torch.mean, Tensor.mean}
# What hands on the numbers of a tensor as they are.
_VIEWS = {
    operator.getitem,
    torch.ops.aten.chunk.default,
    torch.ops.aten.flatten.using_ints,
    torch.ops.aten.permute.default,
    torch.ops.aten.reshape.default,
    torch.ops.aten.select.int,
    torch.ops.aten.slice.Tensor,
    torch.ops.aten.split.Tensor,
    torch.ops.aten.split_with_sizes.default,
    torch.ops.aten.squeeze.dim,
    torch.ops.aten.t.default,
    torch.ops.aten.transpose.int,
    torch.ops.aten.unsqueeze.default,
    torch.ops.aten.view.default,
}


class _SumsInFloat32(TorchFunctionMode):
    """Computes norms and averages in float32, as autocast does with norms on a GPU. On a CPU it leaves them half."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in _SUMS and args[0].dtype == torch.float16:
            args = (args[0].float(), *args[1:])
        return func(*args, **(kwargs or {}))


@contextmanager
def half_precision(enabled: bool = True) -> Iterator[None]:
    """Compute convolutions and matrix products in float16; norms, GRN's sums among them, and averages in float32.

    GRN's sum of squares overflows float16 (above 65504) with activations of a few hundred on a map of some thousand
    cells. What is no sum must stay below 65504 by itself: GRN's input and output are float16.

    To be entered inside of the ``forward`` that is exported: ``torch.export`` records what happens in it.
    """
    if not enabled:
        yield
        return
    with torch.autocast("cpu", dtype=torch.float16), _SumsInFloat32():
        yield


def store_in_half_precision(program: ExportedProgram) -> ExportedProgram:
    """Return a program that keeps as float16 the weights that it used as float16 only.

    A program that was recorded in :func:`half_precision` holds the weights in float32, and each time that it runs it
    rounds those of convolutions and matrix products to float16. Here they are rounded once and for all, so that files
    have about half the size. The results stay the same to the last bit.

    Args:
        program: The recorded model.
    """
    program = program.run_decompositions({})  # autocast becomes operations of the graph
    graph = program.graph_module.graph
    signature = program.graph_signature
    names = {**signature.inputs_to_parameters, **signature.inputs_to_buffers}
    for node in graph.find_nodes(op="placeholder"):
        found = _rounded(node) if node.name in names else None
        if not any(user.target is _CAST for user in found or ()):
            continue
        weight = program.state_dict[names[node.name]]
        rounded = weight.detach().half()
        is_parameter = isinstance(weight, nn.Parameter)
        program.state_dict[names[node.name]] = nn.Parameter(rounded, requires_grad=False) if is_parameter else rounded
        _retype(node)
        for user in found or ():
            if user.target is _CAST:
                user.replace_all_uses_with(user.all_input_nodes[0])
            graph.erase_node(user)
    program.graph_module.recompile()
    return program


def _rounded(node: Node) -> list[Node] | None:
    """Return the nodes that round what a node hands on to float16, or check its type; None if any other uses it."""
    found: list[Node] = []
    for user in node.users:
        if user.target is _CHECK or (user.target is _CAST and user.kwargs == {"dtype": torch.float16}):
            found.append(user)
            continue
        behind = _rounded(user) if user.target in _VIEWS else None
        if behind is None:
            return None
        found += behind
    return found


def _retype(node: Node) -> None:
    """Note in the graph that a node, and the views of it, are float16."""
    node.meta["val"] = tree_map_only(Tensor, Tensor.half, node.meta["val"])
    for user in node.users:
        if user.target in _VIEWS:
            _retype(user)

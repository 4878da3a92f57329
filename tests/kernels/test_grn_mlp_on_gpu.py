"""What the MLP on a GPU would read, write and multiply, counted on tensors without data. Numbers: see ``triton/``."""

from collections import Counter

import torch
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from cnxv2_mm.kernels.grn_mlp_on_gpu import GRNMLPOnGPU
from cnxv2_mm.layers import GRN_EPS
from tests.kernels.test_grn_mlp import arguments

N, M, C, D = 2, 100, 8, 32


def mlp(y, *parameters):
    return GRNMLPOnGPU.apply(y.flatten(1, 2), *parameters, GRN_EPS).view_as(y)


def inputs(dtype=torch.float32):
    """The cells in the type of autocast, as the norm before them leaves them, and parameters."""
    y, *parameters = arguments(N, (M, 1), C, D, device="meta")
    return [y.detach().to(dtype).requires_grad_(), *parameters]


class Traversals(TorchDispatchMode):
    """Counts by operator how often a map of D channels is read or written: views do neither."""

    def __init__(self):
        super().__init__()
        self.read, self.written, self.operators = Counter(), Counter(), Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        if not func.is_view and func != torch.ops.aten.detach.default:
            name = func.name().split("::")[1].split(".")[0]
            self.operators[name] += 1
            for count, tensors in ((self.read, args), (self.written, [result])):
                leaves = torch.utils._pytree.tree_leaves(tensors)
                count[name] += sum(isinstance(t, torch.Tensor) and t.numel() == N * M * D for t in leaves)
        return result


def test_the_large_maps_are_read_and_written_as_often_as_the_docstring_says():
    args = inputs(torch.bfloat16)
    with Traversals() as forward:
        result = mlp(*args)
    grad = torch.empty_like(result)
    with Traversals() as backward:
        result.backward(grad)
    assert +forward.written == {"addmm": 1, "gelu_grn_apply": 1}
    assert +forward.read == {"gelu_square_sums": 1, "gelu_grn_apply": 1, "addmm": 1}
    assert +backward.written == {"mm": 1, "gelu_grn_apply_backward": 2}
    assert +backward.read == {"gelu_product_sums": 2, "gelu_grn_apply_backward": 2, "mm": 3}
    assert args[1].grad.dtype == torch.float32


def test_nothing_is_copied_where_types_agree():
    args = inputs()
    with Traversals() as counted:
        result = mlp(*args)
        result.backward(torch.empty_like(result))
    ours = {name for name in counted.operators if name.startswith(("gelu", "grn", "cell", "vector"))}
    assert len(ours) == 8
    assert all(counted.operators[name] == 1 for name in ours)
    assert {n: c for n, c in counted.operators.items() if n not in ours} == {"addmm": 2, "mm": 4, "empty_like": 1}


def test_its_operations_are_counted_like_those_of_the_composition():
    y, weight1, bias1, gamma, beta, weight2, bias2 = inputs()
    totals = []
    for function in (
        lambda: mlp(y, weight1, bias1, gamma, beta, weight2, bias2),
        lambda: F.linear(F.linear(y, weight1, bias1), weight2, bias2),
    ):
        with FlopCounterMode(display=False) as counter:
            function().sum().backward()
        totals.append(counter.get_total_flops())
    assert totals == [6 * 2 * N * M * C * D] * 2


def test_the_backward_pass_keeps_the_input_and_the_hidden_layer_only():
    args, kept = inputs(), []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t) or t, lambda t: t):
        mlp(*args)
    sizes = Counter(t.shape for t in kept if all(t is not arg for arg in args[1:]))
    assert sizes == {(N, M, C): 1, (N, M, D): 1, (N, D): 2}


def test_what_is_frozen_costs_no_product():
    y, weight1, *rest = inputs()
    weight1.requires_grad_(False)
    y.requires_grad_(False)
    result = mlp(y, weight1, *rest)
    with Traversals() as counted:
        result.backward(torch.empty_like(result))
    assert counted.operators["mm"] == 2

"""Inductor's code for graphs whose bytes are known."""

import pytest

from benchmarks.traffic.compiled import count_launches_in
from tests.benchmarks.traffic.examples import with_mock

START = """
import json, torch
from benchmarks.traffic.compiled import compile_graphs, count_graph
from benchmarks.traffic.fake_step import new_fake_mode
from cnxv2_mm.kernels import grn_mlp

mode = new_fake_mode()

def show(function, *shapes, options={}, gradients=False):
    with mode:
        inputs = tuple(torch.empty(shape, device="cuda", requires_grad=gradients) for shape in shapes)
        graphs = compile_graphs(function, inputs, options)
    counts = [count_graph(graph, mode) for graph in graphs]
    return [[count.bytes, count.launches, count.own_calls] for count in counts]
"""


@pytest.mark.pinned
def test_graphs_whose_bytes_are_known():
    code = (
        START
        + """
print(json.dumps([
    show(lambda x: torch.sin(x) * 2 + 1, (1000, 10)),
    show(lambda x: torch.sin(x) * 2 + 1, (1000, 10), gradients=True),
    show(lambda x, y: x @ y, (100, 200), (200, 300)),
    show(lambda x, y: (x + 1, y * 2), (1000,), (777,)),
    show(lambda x, y: (x + 1, y * 2), (1000,), (777,), options={"combo_kernels": True}),
    show(lambda *p: grn_mlp(*p, 1e-6), (2, 4, 3), (12, 3), (12,), (12,), (12,), (3, 12), (3,)),
]))
"""
    )
    chain, with_backward, product, two, combined, own = with_mock(code)
    assert chain == [[4 * 2 * 10000, 1, {}]]  # fused: read once, written once
    assert with_backward == [[4 * 2 * 10000, 1, {}], [4 * 3 * 10000, 1, {}]]  # the gradient, the input, the result
    assert product == [[4 * (100 * 200 + 200 * 300 + 100 * 300), 1, {}]]
    assert two == [[4 * 2 * 1777, 2, {}]]
    assert combined == [[4 * 2 * 1777, 1, {}]]
    assert own[0][2] == {"gelu_square_sums": 1, "grn_scale": 1, "gelu_grn_apply": 1}
    assert own[0][1] == 5  # these and two products


def test_launches_are_counted_in_the_code():
    code = """
def call(args):
    x, = args
def call(args):
    triton_poi_fused_0.run(x, 3)
    extern_kernels.mm(x, x, out=y)
    z = torch.ops.aten.convolution_backward.default(x)
"""
    assert count_launches_in(code) == 3

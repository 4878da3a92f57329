"""What the operators say without running: sums in enough parts, and the shapes of results. Numbers: see ``triton/``."""

import pytest
import torch

from cnxv2_mm.kernels import gelu_grn


@pytest.mark.parametrize(
    ("n", "m", "d"), [(2, 65536, 384), (2, 4096, 1536), (128, 1216, 384), (4096, 19, 3072), (1, 1, 160), (0, 0, 8)]
)
def test_a_gpu_gets_enough_programs_and_none_too_short(n, m, d):
    parts = gelu_grn.num_parts(n, m, d)
    assert parts >= 1
    assert n * parts * d >= 4 * 132 * 64 or parts * 32 >= m  # four programs of 64 channels for each of 132 processors
    assert parts == 1 or (parts - 1) * 32 < m
    assert n * (parts - 1) * d < 4 * 132 * 64  # and no more sums to add up than that takes


@pytest.mark.pinned
def test_the_number_of_parts_asks_the_compiler_for_no_size():
    graphs = []

    def backend(graph, _):
        graphs.append(graph)
        return graph

    compiled = torch.compile(lambda h: gelu_grn.square_sums(h), backend=backend, fullgraph=True)
    for n, m, d in ((2, 600, 16), (3, 5000, 32), (50, 40, 3072)):
        h = torch.empty(n, m, d, device="meta")
        for dim in range(3):
            torch._dynamo.mark_dynamic(h, dim)
        assert compiled(h).shape == (n, gelu_grn.num_parts(n, m, d), d)
    assert len(graphs) == 1


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_maps_keep_their_type_and_sums_are_float32(dtype):
    h = torch.empty(2, 100, 24, device="meta", dtype=dtype)
    vector = torch.empty(24, device="meta")
    sums = gelu_grn.square_sums(h)
    norms, scale = gelu_grn.scale(sums, vector, 1e-6)
    products, grad_sums = gelu_grn.product_sums(h, h)
    coefficient, grad_gamma = gelu_grn.scale_backward(products, norms, vector, 1e-6)
    grad_h, a, bias_sums = gelu_grn.apply_backward(h, h, scale, vector, coefficient)
    for x in (gelu_grn.apply(h, scale, vector), grad_h, a):
        assert (x.shape, x.dtype) == (h.shape, dtype)
    for x in (sums, products, grad_sums, bias_sums, gelu_grn.cell_sums(h)):
        assert (x.shape, x.dtype) == ((2, 4, 24), torch.float32)
    for x in (norms, scale, coefficient, grad_gamma):
        assert (x.shape, x.dtype) == ((2, 24), torch.float32)
    for x in gelu_grn.vector_sums(grad_gamma, grad_sums, bias_sums, sums):
        assert (x.shape, x.dtype) == ((24,), torch.float32)

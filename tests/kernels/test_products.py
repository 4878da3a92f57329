"""Matrix products by either library; the oracle is PyTorch's own product in float64."""

import pytest
import torch
from torch.nn import functional as F

from cnxv2_mm.kernels import products
from cnxv2_mm.kernels.grn_mlp import grn_mlp
from cnxv2_mm.layers import GRN_EPS

AMD = {"cpu_name": "AMD EPYC", "avx512_f": True}


@pytest.fixture(params=[False, True], ids=["PyTorch's choice", "oneDNN"])
def library(request, monkeypatch):
    monkeypatch.setattr(products, "mkl_is_slow", lambda: request.param)
    return request.param


def factors(dtype=torch.float32, n=3):
    return torch.randn(n, 5, 7, dtype=dtype), torch.randn(n, 5, 11, dtype=dtype), torch.randn(11, 7, dtype=dtype)


def close(result, expected, dtype=torch.float32):
    tolerance = {torch.float32: 1e-5, torch.bfloat16: 2e-2, torch.float64: 1e-12}[dtype]
    torch.testing.assert_close(result.double(), expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_products_are_those_of_float64(dtype, library):
    x, grad, weight = factors(dtype)
    bias = torch.randn(11, dtype=dtype)
    wide = [t.double() for t in (x, grad, weight, bias)]
    close(products.linear(x, weight, bias), F.linear(wide[0], wide[2], wide[3]), dtype)
    # What is written into is a part of something larger, as a group of images is.
    out = torch.zeros(4, 5, 11, dtype=dtype)
    assert products.multiply(x, weight.t(), out[1:], bias).data_ptr() == out[1:].data_ptr()
    close(out[1:], F.linear(wide[0], wide[2], wide[3]), dtype)
    assert not out[0].any()
    close(products.multiply(grad, weight, torch.empty_like(x)), wide[1] @ wide[2], dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_products_add_up_over_images_and_cells_in_float32_or_better(dtype, library):
    total, expected = None, 0
    for count in range(1, 4):
        x, grad, _ = factors(dtype)
        total = products.add_product(total, grad, x)
        expected = expected + torch.einsum("nmd,nmk->dk", grad.double(), x.double())
        close(total / 10, expected / 10, dtype)
        assert total.dtype == (torch.float32 if dtype == torch.bfloat16 and count > 1 else dtype)


def test_a_library_is_asked_only_where_it_is_faster(monkeypatch):
    asked = []
    monkeypatch.setattr(
        products, "_by_onednn", lambda x, weight, bias=None: asked.append(1) or F.linear(x, weight, bias)
    )
    for slow, dtype, n, times in (
        (False, torch.float32, 3, 0),
        (True, torch.float32, 3, 3),
        (True, torch.float32, 0, 0),
    ):
        monkeypatch.setattr(products, "mkl_is_slow", lambda slow=slow: slow)
        for kind in (dtype, torch.float64, torch.bfloat16):
            x, grad, weight = factors(kind, n)
            products.linear(x, weight, torch.zeros(11, dtype=kind))
            products.multiply(grad, weight, torch.empty_like(x))
            products.add_product(None, grad, x)
        assert len(asked) == times
        asked.clear()


def test_the_fused_mlp_computes_the_same_by_both(monkeypatch):
    shapes = ((3, 20, 6), (24, 6), (24,), (24,), (24,), (6, 24), (6,))
    args = [torch.randn(*shape).requires_grad_() for shape in shapes]
    results = []
    for slow in (False, True):
        monkeypatch.setattr(products, "mkl_is_slow", lambda slow=slow: slow)
        out = grn_mlp(*args, GRN_EPS)
        results.append([out, *torch.autograd.grad(out.square().sum(), args)])
    for a, b in zip(*results, strict=True):
        assert a.stride() == b.stride()
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize(
    ("processor", "slow"),
    [
        (AMD, True),
        ({**AMD, "avx512_f": False}, False),
        ({**AMD, "cpu_name": "Intel(R) Xeon(R) Platinum 8480C"}, False),
        ({}, False),
    ],
)
def test_mkl_is_slow_on_processors_of_amd_with_avx512(processor, slow, monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: processor, raising=False)
    monkeypatch.setattr(torch.backends.mkl, "is_available", lambda: True)
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: True)
    assert products.mkl_is_slow.__wrapped__() == slow


def test_a_pytorch_that_cannot_tell_the_processor_keeps_its_choice(monkeypatch):
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert not products.mkl_is_slow.__wrapped__()

"""The depthwise kernels against PyTorch's own convolution and its gradients, in float64."""

import importlib

import pytest
import torch
from torch.nn import functional as F

from cnxv2_mm.kernels.depthwise import depthwise, packed_depthwise, scatter_rows, weight_gradient
from tests.conftest import relative_error

kernel = importlib.import_module("cnxv2_mm.kernels.depthwise")

# images, size, channels, taps, padding, dilation
CASES = [
    (2, (9, 9), 5, 7, 3, 1),
    (1, (4, 11), 3, 7, 3, 1),
    (3, (8, 6), 4, 3, 1, 1),
    (2, (13, 10), 3, 7, 6, 2),
    (2, (16, 15), 2, 7, 12, 4),
    (2, (9, 8), 2, 5, 0, 1),
]


def by_pytorch(x, weight, bias, padding, dilation):
    y = F.conv2d(x.permute(0, 3, 1, 2), weight, bias, padding=padding, dilation=dilation, groups=weight.shape[0])
    return y.permute(0, 2, 3, 1)


def parameters(channels, taps, **kind):
    weight = torch.randn(channels, 1, taps, taps, **kind).requires_grad_()
    return weight, torch.randn(channels, **kind).requires_grad_()


@pytest.mark.parametrize(("n", "size", "channels", "taps", "padding", "dilation"), CASES)
def test_values_and_gradients_are_those_of_pytorch(n, size, channels, taps, padding, dilation, device):
    kind = {"dtype": torch.float64, "device": device}
    x = torch.randn(n, *size, channels, **kind).requires_grad_()
    weight, bias = parameters(channels, taps, **kind)
    ours = depthwise(x, weight, bias, padding, dilation)
    expected = by_pytorch(x, weight, bias, padding, dilation)
    assert ours.is_contiguous()
    torch.testing.assert_close(ours, expected)
    grad = torch.randn_like(expected)
    inputs = (x, weight, bias)
    for a, b in zip(*(torch.autograd.grad(y, inputs, grad) for y in (ours, expected)), strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("cached", [1, 9 * 8 * 3 * 2, 10**9], ids=["one", "two, then one", "all"])
def test_images_may_go_together_or_alone(cached, monkeypatch):
    monkeypatch.setattr(kernel, "CACHED_ELEMENTS", cached)
    x, grad = torch.randn(2, 3, 9, 8, 3, dtype=torch.float64)
    weight = torch.zeros(3, 1, 7, 7, dtype=torch.float64, requires_grad=True)
    (expected,) = torch.autograd.grad(by_pytorch(x, weight, None, 3, 1), weight, grad)
    torch.testing.assert_close(weight_gradient(x, grad, 3, 1), expected)


def test_a_frozen_kernel_passes_the_gradient_on():
    x = torch.randn(1, 5, 5, 3, requires_grad=True)
    weight, bias = (p.detach() for p in parameters(3, 7))
    (ours,) = torch.autograd.grad(depthwise(x, weight, bias, 3).square().sum(), x)
    (expected,) = torch.autograd.grad(by_pytorch(x, weight, bias, 3, 1).square().sum(), x)
    torch.testing.assert_close(ours, expected)


def test_a_gradient_that_is_not_contiguous_is_understood():
    x = torch.randn(2, 6, 5, 4, requires_grad=True)
    weight, bias = parameters(4, 7)
    factor = torch.randn(4, 2, 5, 6).permute(1, 3, 2, 0)
    ours = torch.autograd.grad((depthwise(x, weight, bias, 3) * factor).sum(), (x, weight))
    expected = torch.autograd.grad((by_pytorch(x, weight, bias, 3, 1) * factor).sum(), (x, weight))
    for a, b in zip(ours, expected, strict=True):
        assert relative_error(a, b) < 1e-5


def test_packed_cells_convolve_as_their_map_does(device):
    kind = {"dtype": torch.float64, "device": device}
    n, h, w, channels = 2, 6, 7, 3
    places = torch.randperm(n * h * w, device=device)[:40]
    rows = torch.randn(40, channels, **kind).requires_grad_()
    weight, bias = parameters(channels, 7, **kind)
    ours = packed_depthwise(rows, places, (n, h, w), weight, bias)
    dense = torch.zeros(n * h * w, channels, **kind).index_add(0, places, rows).view(n, h, w, channels)
    expected = by_pytorch(dense, weight, bias, 3, 1).flatten(0, 2)[places]
    torch.testing.assert_close(ours, expected)
    grad = torch.randn_like(expected)
    inputs = (rows, weight, bias)
    for a, b in zip(*(torch.autograd.grad(y, inputs, grad) for y in (ours, expected)), strict=True):
        torch.testing.assert_close(a, b)


def test_packed_cells_keep_no_map_for_the_backward_pass():
    kept = []
    rows, (weight, bias) = torch.randn(4, 3, requires_grad=True), parameters(3, 7)
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t.numel()) or t, lambda t: t):
        packed_depthwise(rows, torch.tensor([0, 70, 30, 99]), (1, 10, 10), weight, bias)
    assert sorted(kept) == sorted([rows.numel(), 4, weight.numel()])


def test_cells_go_to_their_places_and_zeros_elsewhere():
    rows = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    maps = scatter_rows(rows, torch.tensor([5, 0]), (2, 1, 3))
    assert maps[1, 0, 2].tolist() == [1, 2]
    assert maps[0, 0, 0].tolist() == [3, 4]
    assert maps.sum() == rows.sum()


@pytest.mark.parametrize("dilation", [1, 2])
def test_the_operator_is_declared_as_it_behaves(dilation):
    """torch.library's own checks: shapes without data agree with real ones, nothing is changed in place."""
    x = torch.randn(2, 9, 8, 3)
    torch.library.opcheck(weight_gradient, (x, torch.randn_like(x), 3 * dilation, dilation))


def test_autocast_runs_it_in_bfloat16_within_its_rounding():
    x = torch.randn(2, 8, 8, 4)
    weight, bias = parameters(4, 7)
    exact = torch.autograd.grad(depthwise(x, weight, bias, 3).square().sum(), weight)[0]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = depthwise(x, weight, bias, 3)
    assert y.dtype == torch.bfloat16
    rounded = torch.autograd.grad(y.float().square().sum(), weight)[0]
    assert rounded.dtype == torch.float32
    assert (rounded - exact).norm() / exact.norm() < 0.02

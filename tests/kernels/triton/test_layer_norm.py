"""Layer norm in Triton against PyTorch's own, in float64."""

import copy
from unittest.mock import patch

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cnxv2_mm import ConvNeXtV2
from cnxv2_mm.kernels.gpu import layer_norm as gpu
from cnxv2_mm.kernels.layer_norm import (
    FEWEST_ROWS,
    MOST_CHANNELS,
    add_parts,
    layer_norm,
    normalise,
    normalise_backward,
    num_parts,
)
from cnxv2_mm.masking import random_visible
from tests.conftest import photographs, relative_error, wake_grn
from tests.layouts.contract import ARCH

CASES = {
    "one row": (1, 96),
    "a block that is not full": (45, 40),
    "several blocks": (2, 35, 96),
    "a row longer than a warp reads at once": (3, 2, 768),
    "several parts of several blocks": (70, 300),
    "more threads than numbers": (5, 3),
    "an odd number of channels": (2, 3, 4, 33),
    "one channel": (7, 1),
    "the longest row": (2, MOST_CHANNELS),
}
NAMES = ("x", "weight", "bias")


def operands(*shape: int, device: str, dtype: torch.dtype = torch.float32) -> tuple[Tensor, nn.LayerNorm]:
    norm = nn.LayerNorm(shape[-1], eps=1e-6, device=device, dtype=dtype)
    with torch.no_grad():
        norm.weight.normal_(1, 0.5)
        norm.bias.normal_()
    return torch.randn(shape, device=device, dtype=dtype).requires_grad_(), norm


def results(x: Tensor, norm: nn.LayerNorm, grad: Tensor, dtype: torch.dtype | None = None) -> list[Tensor]:
    """Ours, or with a type PyTorch's in it: the values, and the gradients of x, weight and bias."""
    inputs = [x, norm.weight, norm.bias]
    if dtype is None:
        y = layer_norm(x, norm)
    else:
        inputs = [t.detach().to(dtype).requires_grad_() for t in inputs]
        y = F.layer_norm(inputs[0], norm.normalized_shape, *inputs[1:], norm.eps)
    return [y, *torch.autograd.grad(y, inputs, grad.to(y.dtype))]


@pytest.mark.parametrize("shape", CASES.values(), ids=CASES)
def test_values_and_gradients_are_those_of_pytorch(shape, device):
    x, norm = operands(*shape, device=device)
    grad = torch.randn_like(x)
    ours, expected = results(x, norm, grad), results(x, norm, grad, torch.float64)
    assert "LayerNormBackward" in ours[0].grad_fn.name()
    assert "native" not in ours[0].grad_fn.name().lower()
    for name, a, b in zip(("y", *NAMES), ours, expected, strict=True):
        assert a.dtype == torch.float32, name
        assert a.shape == b.shape, name
        assert ((a - b).abs() <= 2e-6 * b.abs().max() + 1e-6).all(), name  # the gradient of one channel is zero


def test_parts_of_the_gradients_add_up(device):
    rows = FEWEST_ROWS * 5 + 3
    x, norm = operands(rows, 16, device=device)
    assert num_parts(rows) == 6
    grad = torch.randn_like(x)
    _, parts = normalise_backward(grad, x.detach(), norm.weight.detach(), norm.eps)
    assert parts.shape == (6, 2, 16)
    _, _, *expected = results(x, norm, grad, torch.float64)
    for a, b in zip(add_parts(parts, norm.weight.detach(), norm.bias.detach()), expected, strict=True):
        assert relative_error(a, b) < 1e-6


def test_nothing_is_read_or_written_beyond_the_rows(device):
    around = torch.full((3, 5, 40), float("nan"), device=device)
    x, y = around.clone(), torch.full_like(around, 7)
    x[1].normal_()
    weight, parts = torch.ones(40, device=device), torch.empty(1, 2, 40, device=device)
    gpu.forward(x[1], weight, weight, 1e-6, y[1])
    gpu.backward(x[1], x[1], weight, 1e-6, y[1], parts)
    assert torch.isfinite(parts).all()
    assert torch.isfinite(y[1]).all()
    assert (y[0::2] == 7).all()


def test_a_large_mean_leaves_the_variance_as_it_is(device):
    """In float32, the difference of the mean square and the squared mean would be off by a tenth: 1e6 * 2^-23."""
    x, norm = operands(6, 96, device=device)
    x = (x.detach() + 1000).requires_grad_()
    grad = torch.randn_like(x)
    for a, b in zip(results(x, norm, grad), results(x, norm, grad, torch.float64), strict=True):
        assert relative_error(a, b) < 2e-4  # the mean is rounded, by 2^-24 of 1000


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_off_by_one_rounding(dtype, device):
    """A unit in the last place. (Half a unit on a GPU; Triton's interpreter cuts bfloat16 off.)"""
    x, norm = operands(2, 35, 40, device=device, dtype=dtype)
    grad = torch.randn_like(x)
    for a, b in zip(results(x, norm, grad), results(x, norm, grad, torch.float64), strict=True):
        assert a.dtype == dtype
        assert ((a - b).abs() <= torch.finfo(dtype).eps * b.abs() + 1e-5).all()


@pytest.mark.parametrize("given", [torch.bfloat16, torch.float32])
def test_under_autocast_the_result_has_its_type_and_gradients_have_their_owners(given, device):
    x, norm = operands(2, 35, 96, device=device)
    x = x.detach().to(given).requires_grad_()
    grad = torch.randn_like(x).bfloat16()
    expected = results(x, norm, grad, torch.float64)
    with torch.autocast(device, dtype=torch.bfloat16):
        y, *gradients = results(x, norm, grad)
    assert y.dtype == torch.bfloat16
    assert [g.dtype for g in gradients] == [given, torch.float32, torch.float32]
    errors = [2**-7, 2**-7 if given == torch.bfloat16 else 1e-6, 1e-6, 1e-6]
    for a, b, error in zip((y, *gradients), expected, errors, strict=True):
        assert relative_error(a, b) < error


@pytest.mark.parametrize("shape", [(0, 8), (3, 0, 8)])
def test_nothing_gives_nothing_and_zero_gradients(shape, device):
    x, norm = operands(*shape, device=device)
    y = layer_norm(x, norm)
    y.sum().backward()
    assert y.shape == x.grad.shape == shape
    assert not norm.weight.grad.any()
    assert not norm.bias.grad.any()


@pytest.mark.parametrize("view", [lambda x: x.transpose(0, 1), lambda x: x[:, ::2], lambda x: x[..., 1:9]])
def test_views_and_expanded_gradients_are_read_where_they_are(view, device):
    whole = torch.randn(6, 5, 8 if view(torch.zeros(6, 5, 10)).shape[-1] == 10 else 10, device=device)
    x = view(whole).requires_grad_()
    _, norm = operands(x.shape[-1], device=device)
    grad = torch.randn(x.shape[-1], device=device).expand(x.shape)
    for a, b in zip(results(x, norm, grad), results(x, norm, grad, torch.float64), strict=True):
        assert relative_error(a, b) < 2e-6


@pytest.mark.parametrize("learnt", ["x", "weight", "bias", "x, bias", "weight, bias"])
def test_what_is_frozen_gets_no_gradient_and_changes_no_other(learnt, device):
    x, norm = operands(9, 12, device=device)
    inputs = dict(zip(NAMES, (x, norm.weight, norm.bias), strict=True))
    grad = torch.randn_like(x)
    _, *expected = results(x, norm, grad, torch.float64)
    for name, t in inputs.items():
        t.requires_grad_(name in learnt.split(", "))
    layer_norm(x, norm).backward(grad)
    for (name, t), gradient in zip(inputs.items(), expected, strict=True):
        if name in learnt.split(", "):
            assert relative_error(t.grad, gradient) < 2e-6, name
        else:
            assert t.grad is None, name


def test_the_same_result_comes_twice(device):
    x, norm = operands(100, 24, device=device)
    grad = torch.randn_like(x)
    for a, b in zip(results(x, norm, grad), results(x, norm, grad), strict=True):
        assert torch.equal(a, b)


def test_gradients_of_gradients_are_those_of_pytorch(device):
    x, norm = operands(5, 6, device=device)
    exact_x, exact = x.detach().double().requires_grad_(), copy.deepcopy(norm).double()
    grad, factors = torch.randn_like(x), [torch.randn_like(t) for t in (x, norm.weight, norm.bias)]
    second = []
    for function, cells, module in ((layer_norm, x, norm), (lambda x, norm: norm(x), exact_x, exact)):
        inputs = (cells, module.weight, module.bias)
        y = function(cells, module).square()
        slopes = torch.autograd.grad(y, inputs, grad.to(y.dtype), create_graph=True)
        penalty = sum((slope * factor).sum() for slope, factor in zip(slopes, factors, strict=True))
        second.append(torch.autograd.grad(penalty, inputs))
    for name, a, b in zip(NAMES, *second, strict=True):
        assert relative_error(a, b) < 1e-5, name


def test_the_operators_are_declared_as_they_behave(device):
    """torch.library's own checks: shapes without data agree with real ones, nothing is changed in place."""
    x, norm = operands(70, 12, device=device)
    x, weight, bias = (t.detach() for t in (x, norm.weight, norm.bias))
    torch.library.opcheck(normalise, (x, weight, bias, 1e-6, torch.bfloat16))
    torch.library.opcheck(add_parts, (torch.randn(3, 2, weight.numel(), device=device), weight, bias))
    torch.library.opcheck(normalise_backward, (torch.randn_like(x), x, weight, 1e-6))


@pytest.mark.parametrize(("layout", "compiled"), [("dense", False), ("dense", True), ("packed", False)])
def test_the_backbone_has_the_maps_and_gradients_of_the_plain_one(layout, compiled, device, monkeypatch):
    """Each norm but those of the outputs is one launch, and one in the backward pass; compiled, maps have none."""
    backbone = wake_grn(ConvNeXtV2(ARCH, out_indices=(3,) if layout == "dense" else ())).to(device)
    images, visible = photographs(2, size=(64, 64)).to(device), random_visible(2, (2, 2), 2, device=device)

    def work(images: Tensor) -> Tensor:
        return backbone(images)[0] if layout == "dense" else backbone.encode_visible(images, visible, num_visible=2)

    direction = torch.randn_like(work(images))
    norms = sum(isinstance(module, nn.LayerNorm) for module in backbone.modules()) - (layout == "dense")
    assert norms == 4 + sum(ARCH["depths"])
    found = []
    for switch in ("1", "0"):
        monkeypatch.setenv("CNXV2_MM_TRITON", switch)
        torch.compiler.reset()
        run = torch.compile(work, backend="aot_eager", fullgraph=True) if compiled and switch == "1" else work
        with (
            patch.object(gpu, "forward", wraps=gpu.forward) as forward,
            patch.object(gpu, "backward", wraps=gpu.backward) as backward,
        ):
            maps = run(images)
            gradients = torch.autograd.grad(maps, list(backbone.parameters()), direction)
        assert forward.call_count == backward.call_count == norms * (switch == "1" and not compiled)
        found.append([maps, *gradients])
    names = ["map", *dict(backbone.named_parameters())]
    for name, a, b in zip(names, *found, strict=True):
        assert a.stride() == b.stride(), name
        assert relative_error(a, b) < 2e-5, name

"""GELU and GRN in Triton, and the MLP around them, against PyTorch's own operations and the GRN layer."""

import pytest
import torch
from torch import Tensor

from cnxv2_mm import ConvNeXtV2
from cnxv2_mm.kernels import gelu_grn
from cnxv2_mm.kernels.gpu import gelu_grn as gpu
from cnxv2_mm.kernels.grn_mlp import grn_mlp
from cnxv2_mm.kernels.grn_mlp_on_gpu import cast_parameters
from cnxv2_mm.layers import GRN_EPS
from tests.conftest import photographs, relative_error, wake_grn
from tests.kernels.test_grn_mlp import NAMES, arguments, composed
from tests.layouts.contract import ARCH

CASES = {
    "one image": (1, (4, 5), 6, 24),
    "images of one cell": (3, (1, 1), 8, 32),
    "channels that are no power of two": (2, (9, 4), 40, 160),
    "many cells of few images": (2, (25, 20), 4, 96),
    "more parts than a block of partial sums": (1, (20, 15), 4, 600),
    "more channels than a block of partial sums": (1, (3, 1), 4, 8200),
}


def exact(args: list[Tensor]) -> list[Tensor]:
    return [a.detach().double().requires_grad_() for a in args]


def with_eps(*args: Tensor) -> Tensor:
    return grn_mlp(*args, GRN_EPS)


def assert_gradients_agree(ours: Tensor, expected: Tensor, args: list[Tensor], exact_args: list[Tensor], error: float):
    grad = torch.randn_like(expected)
    gradients = torch.autograd.grad(ours, args, grad.to(ours.dtype)), torch.autograd.grad(expected, exact_args, grad)
    for name, a, b in zip(NAMES, *gradients, strict=True):
        assert a.dtype == torch.float32, name
        assert relative_error(a, b) < error, name


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_values_and_gradients_are_those_of_the_composition(case, device):
    args = arguments(*case, device=device)
    reference = exact(args)
    ours, expected = with_eps(*args), composed(*reference)
    assert relative_error(ours, expected) < 5e-6
    assert_gradients_agree(ours, expected, args, reference, 1e-5)


def test_long_parts_and_short_ones_have_the_same_sums(device, monkeypatch):
    """Parts of many blocks of rows, the last of which is not full, as large batches have, and of one block."""
    args = arguments(*CASES["many cells of few images"], device=device)
    results = []
    for wanted, parts in ((gelu_grn.WANTED_SUMS, 16), (400, 3)):
        monkeypatch.setattr(gelu_grn, "WANTED_SUMS", wanted)
        assert gelu_grn.num_parts(2, 500, 96) == parts
        result = with_eps(*args)
        results.append([result, *torch.autograd.grad(result.square().sum(), args)])
    for name, a, b in zip(["result", *NAMES], *results, strict=True):
        assert relative_error(a, b) < 2e-6, name


def test_gelu_is_the_exact_one_to_the_rounding_of_float32(device):
    """Oracle: PyTorch's normal distribution function in float64. The approximation by tanh is off by 5e-4."""
    h = torch.linspace(-12, 12, 64 * 1001, device=device).view(1, -1, 64)
    ones, zeros = torch.ones(1, 64, device=device), torch.zeros(64, device=device)
    g = gelu_grn.apply(h, ones, zeros).flatten().cpu().double()
    x = h.flatten().cpu().double()
    error = (g - x * torch.special.ndtr(x)).abs()
    assert (error <= 1e-7 + 2**-23 * x.abs()).all()


def test_bfloat16_autocast_stays_within_its_rounding(device):
    args = arguments(2, (6, 7), 16, 64, device=device)
    reference = exact(args)
    with torch.autocast(device, dtype=torch.bfloat16):
        ours = with_eps(*args)
    assert ours.dtype == torch.bfloat16
    expected = composed(*reference)
    assert relative_error(ours, expected) < 0.02
    assert_gradients_agree(ours, expected, args, reference, 0.02)


def test_large_activations_do_not_overflow_half_precision(device):
    """The squares of 300 exceed what float16 can hold (65504)."""
    args = [a.detach().half() for a in arguments(device=device)]
    args[2].fill_(300.0)
    assert relative_error(with_eps(*args), composed(*[a.double() for a in args])) < 5e-3


@pytest.mark.parametrize("shape", [(0, 4, 5, 6), (2, 0, 5, 6)], ids=["images", "cells"])
def test_nothing_gives_no_result_and_zero_gradients(shape, device):
    args = arguments(device=device)
    args[0] = torch.zeros(shape, device=device, requires_grad=True)
    result = with_eps(*args)
    assert result.shape == shape
    result.sum().backward()
    for name, arg in zip(NAMES, args, strict=True):
        assert arg.grad.shape == arg.shape, name
        assert not arg.grad.any(), name


def test_a_silent_channel_has_the_gradients_of_its_neighbours_without_it(device):
    """A hidden channel that is zero all over an image has norm 0, where a square root has no derivative."""
    args = arguments(device=device)
    with torch.no_grad():
        args[1][3] = args[2][3] = 0.0
    with_eps(*args).sum().backward()
    assert all(torch.isfinite(a.grad).all() for a in args)
    assert args[3].grad[3] == 0  # gamma's
    reference = exact(args)
    composed(*reference).sum().backward()  # PyTorch's norm takes 0 for that derivative, too
    for name, a, b in zip(NAMES, args, reference, strict=True):
        assert relative_error(a.grad, b.grad) < 2e-6, name


def test_images_do_not_mix_and_the_same_result_comes_twice(device):
    args = arguments(3, (7, 10), 8, 32, device=device)

    def run(y: Tensor) -> list[Tensor]:
        result = with_eps(y, *args[1:])
        return [result, *torch.autograd.grad(result.square().sum(), [y, *args[1:]])]

    together, again = run(args[0]), run(args[0])
    assert all(torch.equal(a, b) for a, b in zip(together, again, strict=True))
    for i in range(3):
        alone = run(args[0][i : i + 1])
        for a, b in zip(alone[:2], together[:2], strict=True):
            assert relative_error(a[0], b[i]) < 1e-6


@pytest.mark.parametrize("frozen", [["weight1"], ["weight2"], ["y"], ["gamma", "beta", "bias1", "bias2"]], ids=str)
def test_what_is_frozen_has_no_gradient_and_the_others_keep_theirs(frozen, device):
    args = arguments(device=device)
    expected = torch.autograd.grad(with_eps(*args).square().sum(), args)
    for name, arg in zip(NAMES, args, strict=True):
        arg.requires_grad_(name not in frozen)
    with_eps(*args).square().sum().backward()
    for name, arg, gradient in zip(NAMES, args, expected, strict=True):
        assert arg.grad is None if name in frozen else torch.equal(arg.grad, gradient), name


def test_gradients_of_gradients_are_those_of_the_composition(device):
    args = arguments(2, (3, 1), 4, 16, device=device)
    direction = torch.randn_like(args[0])
    second = []
    for function, inputs in ((with_eps, args), (composed, exact(args))):
        gradients = torch.autograd.grad(function(*inputs), inputs, direction.to(inputs[0].dtype), create_graph=True)
        slopes = sum(g.sin().sum() for g in gradients)
        second.append(torch.autograd.grad(slopes, inputs[:-1]))  # the last bias has no influence on gradients
    for name, a, b in zip(NAMES[:-1], *second, strict=True):
        assert relative_error(a, b) < 2e-5, name


def test_vectors_are_the_sums_of_their_parts(device):
    parts = [torch.randn(shape, device=device) for shape in ((200, 70), (2, 80, 70), (3, 1, 70), (5, 30, 12))]
    for ours, each in zip(gelu_grn.vector_sums(*parts), parts, strict=True):
        torch.testing.assert_close(ours, each.flatten(0, -2).sum(0), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_parameters_are_cast_as_pytorch_casts_them(dtype, device):
    parameters = [torch.randn(shape, device=device) for shape in ((300, 70), (300,), (70, 300), (70,))]
    for ours, parameter in zip(cast_parameters(*parameters, dtype), parameters, strict=True):
        # Triton's interpreter cuts off what bfloat16 cannot hold; a GPU rounds.
        torch.testing.assert_close(ours, parameter.to(dtype), rtol=2**-7 if dtype == torch.bfloat16 else 0, atol=0)


def test_the_operators_are_declared_as_they_behave(device):
    """torch.library's own checks: shapes without data agree with real ones, nothing is changed in place."""
    h, grad = torch.randn(2, 2, 70, 24, device=device)
    gamma, beta = torch.randn(2, 24, device=device)
    sums = gelu_grn.square_sums(h)
    norms, scale = gelu_grn.scale(sums, gamma, GRN_EPS)
    products, grad_sums = gelu_grn.product_sums(grad, h)
    coefficient, grad_gamma = gelu_grn.scale_backward(products, norms, gamma, GRN_EPS)
    for operator, inputs in (
        (cast_parameters, (h[0], gamma, grad[0], beta, torch.float16)),
        (gelu_grn.cell_sums, (h,)),
        (gelu_grn.square_sums, (h,)),
        (gelu_grn.scale, (sums, gamma, GRN_EPS)),
        (gelu_grn.apply, (h, scale, beta)),
        (gelu_grn.product_sums, (grad, h)),
        (gelu_grn.scale_backward, (products, norms, gamma, GRN_EPS)),
        (gelu_grn.apply_backward, (grad, h, scale, beta, coefficient)),
        (gelu_grn.vector_sums, (grad_gamma, grad_sums, sums, torch.randn(2, 3, 6, device=device))),
    ):
        torch.library.opcheck(operator, inputs)


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
def test_the_dense_backbone_has_the_maps_and_gradients_of_the_plain_one(compiled, device, monkeypatch):
    launched = []
    launch = gpu._launch
    monkeypatch.setattr(gpu, "_launch", lambda *args: launched.append(args[0]) or launch(*args))
    backbone = wake_grn(ConvNeXtV2(ARCH)).to(device)
    images = photographs(2).to(device)
    directions = [torch.randn_like(features) for features in backbone(images)]
    results = []
    for switch in ("1", "0"):
        monkeypatch.setenv("CNXV2_MM_TRITON", switch)
        torch.compiler.reset()
        launched.clear()
        run = torch.compile(backbone, backend="aot_eager", fullgraph=True) if compiled and switch == "1" else backbone
        maps = run(images)
        gradients = torch.autograd.grad(maps, list(backbone.parameters()), directions)
        assert len(launched) == 5 * sum(ARCH["depths"]) * (switch == "1")
        results.append([*maps, *gradients])
    names = [*("map" for _ in directions), *dict(backbone.named_parameters())]
    for name, a, b in zip(names, *results, strict=True):
        assert relative_error(a, b) < 2e-5, name

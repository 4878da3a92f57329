"""The fused MLP against the composition of PyTorch's operations, in float64."""

import importlib

import pytest
import torch
from torch.autograd import forward_ad
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from cnxv2_mm.layers import GRN, GRN_EPS
from cnxv2_mm.layouts import Dense

kernel = importlib.import_module("cnxv2_mm.kernels.grn_mlp")
NAMES = ("y", "weight1", "bias1", "gamma", "beta", "weight2", "bias2")


def arguments(n=3, size=(4, 5), c=6, d=24, **kind):
    shapes = ((n, *size, c), (d, c), (d,), (d,), (d,), (c, d), (c,))
    return [torch.randn(*shape, **kind).requires_grad_() for shape in shapes]


def composed(y, weight1, bias1, gamma, beta, weight2, bias2):
    """The same by PyTorch's operations and the GRN layer, whose oracle is the paper's Algorithm 1."""
    grn = GRN(gamma.numel()).to(gamma)
    hidden = torch.func.functional_call(
        grn, {"gamma": gamma, "beta": beta}, (F.gelu(F.linear(y, weight1, bias1)), Dense(y.shape[0], y.shape[1:3]))
    )
    return F.linear(hidden, weight2, bias2)


def with_eps(*args):
    return kernel.grn_mlp(*args, GRN_EPS)


@pytest.mark.parametrize("n", [1, 3])
@pytest.mark.parametrize("cached", [1, 500, 10**9], ids=["an image at a time", "uneven groups", "all at once"])
def test_values_and_gradients_are_those_of_the_composition(n, cached, device, monkeypatch):
    monkeypatch.setattr(kernel, "CACHED_ELEMENTS", cached)
    args = arguments(n, dtype=torch.float64, device=device)
    ours, expected = kernel.grn_mlp(*args, GRN_EPS), composed(*args)
    torch.testing.assert_close(ours, expected)
    grad = torch.randn_like(expected)
    gradients = (torch.autograd.grad(result, args, grad) for result in (ours, expected))
    for name, a, b in zip(NAMES, *gradients, strict=True):
        torch.testing.assert_close(a, b, msg=lambda message, name=name: f"{name}: {message}")


def test_gradients_are_those_of_finite_differences():
    args = arguments(2, (2, 1), 2, 3, dtype=torch.float64)
    assert torch.autograd.gradcheck(with_eps, args)


def test_further_derivatives_are_those_of_finite_differences():
    """Gradients of gradients and forward-mode derivatives."""
    args = arguments(2, (2, 1), 2, 3, dtype=torch.float64)
    assert torch.autograd.gradgradcheck(with_eps, args)
    assert torch.autograd.gradcheck(with_eps, args, check_forward_ad=True)


def test_gradients_are_the_same_whether_they_are_differentiated_or_not():
    """Also where one input depends on another, as the second bias always does on the second weight."""
    y, weight1, *rest = arguments(dtype=torch.float64)
    result = with_eps(y * weight1.sum(), weight1, *rest)
    once, more = (
        torch.autograd.grad(result.sum(), (y, weight1, *rest), create_graph=c, retain_graph=True) for c in (0, 1)
    )
    for name, a, b in zip(NAMES, once, more, strict=True):
        torch.testing.assert_close(a, b, msg=lambda message, name=name: f"{name}: {message}")


def test_forward_mode_works_where_nothing_requires_a_gradient():
    args = [a.detach() for a in arguments(dtype=torch.float64)]
    direction = torch.randn_like(args[0])
    with torch.no_grad(), forward_ad.dual_level():
        dual = (forward_ad.make_dual(args[0], direction), *args[1:])
        ours, expected = (forward_ad.unpack_dual(f(*dual)).tangent for f in (with_eps, composed))
    torch.testing.assert_close(ours, expected)
    step = 1e-6 * direction
    difference = with_eps(args[0] + step, *args[1:]) - with_eps(args[0] - step, *args[1:])
    torch.testing.assert_close(ours, difference / 2e-6, rtol=1e-6, atol=1e-6)


def test_a_gradient_taken_in_forward_mode_keeps_its_tangent():
    """Oracle: the gradient is linear in what is passed to it."""
    args = arguments(dtype=torch.float64)
    y = with_eps(*args)
    grad, tangent = torch.randn(2, *y.shape, dtype=torch.float64)
    (expected,) = torch.autograd.grad(y, args[1], tangent, retain_graph=True)
    with forward_ad.dual_level():
        (gradient,) = torch.autograd.grad(y, args[1], forward_ad.make_dual(grad, tangent))
        torch.testing.assert_close(forward_ad.unpack_dual(gradient).tangent, expected)


def test_no_images_give_no_result_and_zero_gradients():
    args = arguments(0)
    result = with_eps(*args)
    assert result.shape == args[0].shape
    result.sum().backward()
    for name, arg in zip(NAMES, args, strict=True):
        assert arg.grad.shape == arg.shape, name
        assert not arg.grad.any(), name


def test_a_silent_channel_has_finite_gradients():
    """A hidden channel that is zero all over an image has norm 0, where a square root has no derivative."""
    args = arguments()
    with torch.no_grad():
        args[1][3] = args[2][3] = 0.0
    kernel.grn_mlp(*args, GRN_EPS).sum().backward()
    assert all(torch.isfinite(a.grad).all() for a in args)


def test_the_backward_pass_keeps_the_input_and_the_hidden_layer_only():
    kept = []
    args = arguments()
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t) or t, lambda t: t):
        kernel.grn_mlp(*args, GRN_EPS)
    cells = 3 * 4 * 5
    large = {t.untyped_storage().data_ptr(): t.numel() for t in kept if t.numel() >= cells}
    weights = {a.untyped_storage().data_ptr() for a in args[1:]}
    assert sorted(size for where, size in large.items() if where not in weights) == [3 * 24, cells * 6, cells * 24]


def test_images_of_a_group_do_not_mix():
    args = arguments(3)
    together = kernel.grn_mlp(*args, GRN_EPS)
    for i in range(3):
        alone = kernel.grn_mlp(args[0][i : i + 1], *args[1:], GRN_EPS)
        torch.testing.assert_close(alone[0], together[i])


def test_large_activations_do_not_overflow_half_precision():
    """The squares of 300 exceed what float16 can hold (65504); the norms are taken in float32."""
    args = [a.detach().half() for a in arguments()]
    args[2].fill_(300.0)
    assert torch.isfinite(kernel.grn_mlp(*args, GRN_EPS)).all()


def test_autocast_runs_it_in_bfloat16_within_its_rounding():
    args = arguments()
    exact = kernel.grn_mlp(*args, GRN_EPS)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rounded = kernel.grn_mlp(*args, GRN_EPS)
    assert rounded.dtype == torch.bfloat16
    assert (rounded - exact).norm() / exact.norm() < 0.02
    grads = (torch.autograd.grad(y.float().square().sum(), args) for y in (rounded, exact))
    for name, a, b in zip(NAMES, *grads, strict=True):
        assert a.dtype == torch.float32
        assert (a - b).norm() / b.norm() < 0.05, name


def test_the_operators_are_declared_as_they_behave():
    """torch.library's own checks: shapes without data agree with real ones, nothing is changed in place."""
    y, weight1, bias1, gamma, beta, weight2, bias2 = arguments()
    cells = y.flatten(1, 2).detach()
    torch.library.opcheck(kernel._grn_mlp, (cells, weight1, bias1, gamma, beta, weight2, bias2, GRN_EPS))
    _, h, norms = kernel._grn_mlp(cells, weight1, bias1, gamma, beta, weight2, bias2, GRN_EPS)
    detached = [t.detach() for t in (cells, h, norms, weight1, gamma, beta, weight2)]
    torch.library.opcheck(kernel._grn_mlp_backward, (torch.randn_like(cells), *detached, GRN_EPS))


def test_its_operations_are_counted_like_those_of_the_composition():
    y, weight1, bias1, gamma, beta, weight2, bias2 = arguments()
    totals = []
    for mlp in (
        lambda: kernel.grn_mlp(y, weight1, bias1, gamma, beta, weight2, bias2, GRN_EPS),
        lambda: F.linear(F.linear(y, weight1, bias1), weight2, bias2),
    ):
        with FlopCounterMode(display=False) as counter:
            mlp().sum().backward()
        totals.append(counter.get_total_flops())
    assert totals == [6 * 2 * (3 * 4 * 5) * 6 * 24] * 2

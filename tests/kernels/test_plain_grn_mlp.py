"""The MLP by PyTorch's operations, against the modules of the block and finite differences."""

import torch

from cnxv2_mm.kernels.plain_grn_mlp import differentiable_gradients, plain_grn_mlp
from cnxv2_mm.layers import GRN_EPS
from tests.kernels.test_grn_mlp import arguments, composed


def plain(y, *parameters):
    return plain_grn_mlp(y.flatten(1, 2), *parameters, GRN_EPS).view_as(y)


def test_values_are_those_of_the_composition():
    args = arguments(dtype=torch.float64)
    torch.testing.assert_close(plain(*args), composed(*args))


def test_gradients_are_those_of_the_composition_and_none_where_none_is_wanted():
    args = arguments(dtype=torch.float64)
    args[3].requires_grad_(False)
    expected = composed(*args)
    grad = torch.randn_like(expected)
    ours = differentiable_gradients(plain, grad, args)
    assert ours.pop(3) is None
    needed = [arg for arg in args if arg.requires_grad]
    for a, b in zip(ours, torch.autograd.grad(expected, needed, grad), strict=True):
        torch.testing.assert_close(a, b)


def test_the_gradients_have_derivatives():
    args = arguments(2, (2, 1), 2, 3, dtype=torch.float64)
    grad = torch.randn(2, 2, 1, 2, dtype=torch.float64, requires_grad=True)
    inputs = (grad, *args)
    assert torch.autograd.gradcheck(lambda grad, *args: tuple(differentiable_gradients(plain, grad, args)), inputs)

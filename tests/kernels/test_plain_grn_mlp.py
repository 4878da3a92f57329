"""The MLP by PyTorch's operations, against the modules of the block."""

import torch

from cnxv2_mm.kernels.plain_grn_mlp import plain_grn_mlp
from cnxv2_mm.layers import GRN_EPS
from tests.kernels.test_grn_mlp import arguments, composed


def plain(y, *parameters):
    return plain_grn_mlp(y.flatten(1, 2), *parameters, GRN_EPS).view_as(y)


def test_values_are_those_of_the_composition():
    args = arguments(dtype=torch.float64)
    torch.testing.assert_close(plain(*args), composed(*args))


def test_gradients_are_those_of_the_composition():
    args = arguments(dtype=torch.float64)
    ours, expected = plain(*args), composed(*args)
    grad = torch.randn_like(expected)
    for a, b in zip(*(torch.autograd.grad(y, args, grad) for y in (ours, expected)), strict=True):
        torch.testing.assert_close(a, b)

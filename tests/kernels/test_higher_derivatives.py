"""Gradients that have derivatives, against PyTorch's own and finite differences."""

import torch
from torch.nn import functional as F

from cnxv2_mm.kernels.higher_derivatives import differentiable_gradients


def operands():
    kind = {"dtype": torch.float64, "requires_grad": True}
    return torch.randn(4, 3, **kind), torch.randn(2, 3, **kind), torch.randn(2, **kind)


def layer(x, weight, bias):
    return F.linear(x, weight, bias).sin()


def test_they_are_those_of_pytorch_and_none_where_none_is_wanted():
    x, weight, bias = operands()
    weight.requires_grad_(False)
    grad = torch.randn(4, 2, dtype=torch.float64)
    ours = differentiable_gradients(layer, grad, (x, weight, bias))
    expected = torch.autograd.grad(layer(x, weight, bias), (x, bias), grad)
    assert ours[1] is None
    for a, b in zip((ours[0], ours[2]), expected, strict=True):
        torch.testing.assert_close(a, b)


def test_an_input_may_be_none():
    x, weight, _ = operands()
    grad = torch.randn(4, 2, dtype=torch.float64)
    *ours, nothing = differentiable_gradients(layer, grad, (x, weight, None))
    assert nothing is None
    for a, b in zip(ours, torch.autograd.grad(layer(x, weight, None), (x, weight), grad), strict=True):
        torch.testing.assert_close(a, b)


def test_an_input_may_depend_on_another_one():
    x, weight, _ = operands()
    bias = weight.sum(1)
    grad = torch.randn(4, 2, dtype=torch.float64)
    _, ours, _ = differentiable_gradients(layer, grad, (x, weight, bias))
    (expected,) = torch.autograd.grad(layer(x, weight, bias.detach()), weight, grad)
    torch.testing.assert_close(ours, expected)


def test_they_have_derivatives():
    grad = torch.randn(4, 2, dtype=torch.float64, requires_grad=True)
    inputs = (grad, *operands())
    assert torch.autograd.gradcheck(lambda grad, *args: tuple(differentiable_gradients(layer, grad, args)), inputs)

"""Bytes of operators against sums by hand. The counter is the same on every device; here it counts on the CPU."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from benchmarks.traffic.eager import Counter, HostQuestionError
from cnxv2_mm.kernels import depthwise, packed_depthwise


def count(function, *args):
    with Counter("cpu") as counter, torch.no_grad():
        function(*args)
    return counter.count


def test_a_linear_layer_reads_inputs_and_parameters_and_writes_outputs():
    layer, x = nn.Linear(3, 5), torch.randn(7, 3)
    found = count(layer, x)
    assert (found.bytes, found.launches) == (4 * (7 * 3 + 5 * 3 + 5 + 7 * 5), 1)


def test_its_backward_pass():
    layer, x = nn.Linear(3, 5), torch.randn(7, 3)
    y, gradient = layer(x), torch.ones(7, 5)
    with Counter("cpu") as counter:
        y.backward(gradient)
    products = 4 * (7 * 5 + 7 * 3 + 5 * 3)  # the weight's gradient; the inputs want none
    bias = 4 * (7 * 5 + 5)
    assert counter.count.bytes == products + bias
    assert counter.count.launches == 2


@pytest.mark.parametrize(
    ("function", "numbers", "launches"),
    [
        (torch.sin, 6 + 6, 1),
        (lambda x: x * x, 6 + 6, 1),  # one operand, read once
        (lambda x: x + x[:1], 6 + 3 + 6, 1),
        (lambda x: x + torch.zeros(1).expand(2, 3), 1 + 6 + 1 + 6, 2),  # expanded: one number in memory
        (lambda x: x.add_(1), 6 + 6, 1),
        (lambda x: x.zero_(), 6, 1),  # overwritten, not read
        (lambda x: torch.empty(2, 3).copy_(x), 6 + 6, 1),
        (lambda x: torch.sin(x, out=torch.empty(2, 3)), 6 + 6, 1),
        (lambda x: x.sum(0), 6 + 3, 1),
        (lambda x: x.t().reshape(3, 2)[1:].unsqueeze(0).detach(), 0, 0),  # views
        (torch.empty_like, 0, 0),
        (lambda x: x.t().contiguous(), 6 + 6, 1),
    ],
)
def test_bytes_and_launches(function, numbers, launches):
    found = count(function, torch.randn(2, 3))
    assert (found.bytes, found.launches) == (4 * numbers, launches)


def test_of_a_gather_and_a_scatter_the_rows_that_move_count():
    x, rows = torch.randn(100, 3), torch.tensor([4, 2])
    assert count(lambda: x.index_select(0, rows)).bytes == 4 * (6 + 6) + 8 * 2
    assert count(lambda: x[rows]).bytes == 4 * (6 + 6) + 8 * 2
    assert count(lambda: x.index_copy_(0, rows, torch.empty(2, 3))).bytes == 4 * (6 + 6) + 8 * 2


def test_a_copy_says_between_which_types():
    assert list(count(lambda: torch.ones(2).bfloat16()).entries) == ["ones", "_to_copy, float32 to bfloat16"]


def test_our_operators_are_looked_into():
    rows, places, weight = torch.randn(5, 2), torch.tensor([0, 7, 3, 15, 9]), torch.randn(2, 1, 3, 3)
    found = count(packed_depthwise, rows, places, (1, 4, 4), weight, None)
    assert found.own_calls == {"packed_depthwise": 1}
    assert found.entries["packed_depthwise: convolution"].bytes == 4 * (32 + 18 + 32)
    assert found.entries["packed_depthwise: index_select"].bytes == 4 * (10 + 10) + 8 * 5


def test_other_devices_do_not_count():
    with Counter("cuda") as counter:
        torch.randn(3) + 1
    assert counter.count.entries == {}


def test_a_copy_from_the_device_is_a_question():
    with Counter("cpu"):
        torch.empty(3, device="meta").copy_(torch.empty(3, device="meta"))  # neither is the device
        with pytest.raises(HostQuestionError, match=r"aten.copy_"):
            torch.empty(3, device="meta").copy_(torch.empty(3))
        torch.empty(3, device="meta").copy_(torch.empty(3), non_blocking=True)


def test_a_depthwise_convolution():
    x, weight = torch.randn(1, 4, 4, 2), torch.randn(2, 1, 3, 3)
    found = count(lambda: depthwise(x, weight, None, 1))
    assert found.entries["convolution"].bytes == 4 * (32 + 18 + 32)
    layer = count(lambda: F.layer_norm(x, (2,)))
    assert layer.bytes == 4 * (32 + 32 + 2 * 16)  # and the mean and deviation of each cell

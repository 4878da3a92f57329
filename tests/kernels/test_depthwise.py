"""The depthwise kernels against PyTorch's own convolution and its gradients, in float64."""

import importlib
import warnings

import pytest
import torch
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel
from torch.utils.flop_counter import FlopCounterMode

from cnxv2_mm import FCMAE, ConvNeXtV2
from cnxv2_mm.kernels.depthwise import depthwise, packed_depthwise, weight_gradient
from tests.conftest import photographs, relative_error
from tests.layouts.contract import ARCH

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


@pytest.mark.parametrize("needed", [[True, True], [True, False], [False, True]], ids=str)
@pytest.mark.parametrize("dilation", [1, 2])
def test_the_operators_are_declared_as_they_behave(dilation, needed):
    """torch.library's own checks: shapes without data agree with real ones, nothing is changed in place."""
    x, (weight, bias) = torch.randn(2, 9, 8, 3), (p.detach() for p in parameters(3, 7))
    grad = torch.randn(2, 9 + 2 - 6 * dilation + 6, 8 + 2 - 6 * dilation + 6, 3)
    torch.library.opcheck(kernel._depthwise_backward, (grad, x, weight, 4, dilation, needed))
    rows, places, size = torch.randn(4, 3), torch.tensor([0, 70, 30, 99]), (1, 10, 10)
    torch.library.opcheck(kernel._packed_depthwise, (rows, places, size, weight, bias))
    torch.library.opcheck(
        kernel._packed_depthwise_backward, (torch.randn_like(rows), rows, places, size, weight, needed)
    )


def test_the_compiler_keeps_no_map_for_the_backward_pass_either():
    """It would see that the same map of zeros is made in both passes, and keep it."""
    kept = []
    rows, (weight, bias) = torch.randn(4, 3, requires_grad=True), parameters(3, 7)
    places = torch.tensor([0, 70, 30, 99])
    torch.compiler.reset()
    compiled = torch.compile(lambda *args: packed_depthwise(*args).sin(), fullgraph=True, backend="aot_eager")
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t.numel()) or t, lambda t: t):
        compiled(rows, places, (1, 10, 10), weight, bias).sum().backward()
    assert max(kept) == weight.numel()


def test_its_operations_are_counted_like_those_of_the_map():
    """Each gradient costs what the forward pass costs, which is what PyTorch counts for that of the input."""
    rows, places, size = torch.randn(4, 3, requires_grad=True), torch.tensor([0, 70, 30, 99]), (1, 10, 10)
    weight, bias = parameters(3, 7)
    dense = torch.randn(*size, 3, requires_grad=True)

    def count(convolve, *wanted):
        with FlopCounterMode(display=False) as counter:
            torch.autograd.grad(convolve().sum(), wanted)
        return counter.get_total_flops()

    expected = count(lambda: by_pytorch(dense, weight, bias, 3, 1), dense)
    for cells, ours in (
        (rows, lambda: packed_depthwise(rows, places, size, weight, bias)),
        (dense, lambda: depthwise(dense, weight, bias, 3)),
    ):
        assert count(ours, cells, weight) == expected * 3 // 2


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


@pytest.mark.parametrize("cached", [2, 2 * 257, 10**9], ids=["one after another", "groups", "all at once"])
def test_a_sum_over_many_images_is_rounded_once(cached, monkeypatch):
    """bfloat16 has 8 significant bits: 1542 becomes 1544, but a sum of ones stays at 256, and six times 257 is 1536."""
    monkeypatch.setattr(kernel, "CACHED_ELEMENTS", cached)
    ones = torch.ones(6 * 257, 1, 1, 2, dtype=torch.bfloat16)
    assert weight_gradient(ones, ones, 0, 1).flatten().tolist() == [1544, 1544]


@pytest.mark.parametrize("dilation", [1, 2])
def test_gradients_can_be_differentiated(dilation):
    x = torch.randn(2, 4, 3, 2, dtype=torch.float64, requires_grad=True)
    weight, bias = parameters(2, 3, dtype=torch.float64)
    assert torch.autograd.gradgradcheck(lambda *a: depthwise(*a, dilation, dilation), (x, weight, bias))


def test_gradients_of_packed_cells_can_be_differentiated():
    rows = torch.randn(5, 2, dtype=torch.float64, requires_grad=True)
    places, size = torch.tensor([0, 13, 7, 23, 12]), (2, 3, 4)
    weight, bias = parameters(2, 3, dtype=torch.float64)
    packed = (lambda rows, *parameters: packed_depthwise(rows, places, size, *parameters), (rows, weight, bias))
    assert torch.autograd.gradcheck(*packed)
    assert torch.autograd.gradgradcheck(*packed)


def test_no_images_give_no_map_and_zero_gradients():
    """What PyTorch's own convolution does."""
    x = torch.zeros(0, 5, 4, 3, requires_grad=True)
    weight, bias = parameters(3, 7)
    y = depthwise(x, weight, bias, 3)
    assert y.shape == x.shape
    y.sum().backward()
    assert x.grad.shape == x.shape
    for p in (weight, bias):
        assert p.grad.shape == p.shape
        assert not p.grad.any()


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_the_gradient_has_the_strides_of_the_weight(memory_format):
    """Those of the one input channel differ between the two formats, and mean nothing."""
    weight, bias = parameters(3, 7)
    weight = weight.detach().to(memory_format=memory_format, copy=True).requires_grad_()
    x = torch.randn(2, 5, 4, 3)
    depthwise(x, weight, bias, 3).sum().backward()
    assert weight.grad.stride() == weight.stride()
    weight.grad = None
    packed_depthwise(x.flatten(0, 2)[:9], torch.arange(9), (2, 5, 4), weight, bias).sum().backward()
    assert weight.grad.stride() == weight.stride()


def test_distributed_training_finds_every_gradient_laid_out_as_its_parameter(tmp_path):
    """Otherwise it warns (``Grad strides do not match bucket view strides``) and copies at every step."""
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1)
    backbone = DistributedDataParallel(ConvNeXtV2(ARCH, out_indices=(3,)))
    pre_trainer = DistributedDataParallel(FCMAE(ConvNeXtV2(ARCH, out_indices=()), {"width": 16}))
    torch.set_warn_always(True)
    try:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            backbone(photographs(2))[0].sum().backward()
            pre_trainer(photographs(2), mode="loss")["loss"].backward()
    finally:
        torch.set_warn_always(False)
        torch.distributed.destroy_process_group()
    assert [str(w.message) for w in said if "strides" in str(w.message)] == []

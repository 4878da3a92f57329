"""The MinkowskiEngine layout: its contract, and its kernels against those of the official checkpoints.

``make test-minkowski`` installs the engine and runs these.
"""

import copy

import pytest
import torch
from torch import nn

from cnxv2_mm import FCMAE, ConvNeXtV2
from cnxv2_mm.checkpoints.dialects.form import DEPTHWISE, KERNEL
from cnxv2_mm.layouts import MaskedDense, find_masked_layout
from cnxv2_mm.masking import enlarge, random_visible
from tests.conftest import photographs, relative_error, wake_grn
from tests.layouts.contract import ARCH, MaskedLayoutContract

pytestmark = pytest.mark.minkowski


class TestMinkowski(MaskedLayoutContract):
    layout = "minkowski"


def first_layout(visible, patch_size=32):
    return find_masked_layout("minkowski").of_patches(visible, int(visible[0].sum()), patch_size)


def test_each_stage_holds_exactly_the_visible_cells():
    visible = random_visible(3, (3, 2), 2)
    layout = first_layout(visible, 64)
    x = torch.randn(layout.place.shape[0], 4)
    for cells_per_patch in (16, 8, 4, 2):
        expected = enlarge(visible, cells_per_patch).flatten().nonzero().flatten()
        assert torch.equal(layout.place.sort().values, expected)
        assert layout.size == (3 * cells_per_patch, 2 * cells_per_patch)
        x, layout = layout.downsample(x, nn.Conv2d(4, 4, kernel_size=2, stride=2))


def test_in_float64_it_is_the_specification_to_float64_rounding():
    ours = wake_grn(ConvNeXtV2(ARCH, out_indices=())).double()
    specification = copy.deepcopy(ours)
    images, visible = photographs(2).double(), random_visible(2, (3, 2), 3)
    features = ours.encode_visible(images, visible, "minkowski")
    expected = specification.encode_visible(images, visible, "masked_dense")
    assert features.dtype == torch.float64
    assert relative_error(features, expected) < 1e-13
    features.square().sum().backward()
    expected.square().sum().backward()
    for (name, parameter), reference in zip(ours.named_parameters(), specification.parameters(), strict=True):
        assert relative_error(parameter.grad, reference.grad) < 1e-12, name


@pytest.fixture
def threads():
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def test_the_engine_leaves_pytorchs_threads_alone(threads):
    backbone = ConvNeXtV2(ARCH, out_indices=())
    for number in (3, 1):
        threads(number)
        backbone.encode_visible(photographs(1), random_visible(1, (3, 2), 3), "minkowski").sum().backward()
        assert torch.get_num_threads() == number


def test_with_several_threads_gradients_are_the_same_to_the_last_bit(threads):
    threads(4)
    backbone = wake_grn(ConvNeXtV2(ARCH, out_indices=()))
    images, visible = photographs(4, size=(128, 128)), random_visible(4, (4, 4), 8)
    gradients = []
    for _ in range(3):
        backbone.zero_grad()
        backbone.encode_visible(images, visible, "minkowski").square().sum().backward()
        gradients.append([parameter.grad.clone() for parameter in backbone.parameters()])
    for first, second, third in zip(*gradients, strict=True):
        assert torch.equal(first, second)
        assert torch.equal(first, third)


def test_the_official_kernels_compute_what_our_convolutions_do():
    """Oracle: the engine's own modules, used as the official code does, kernels as in its checkpoints."""
    import MinkowskiEngine as ME

    visible = random_visible(2, (3, 2), 3)
    dense = torch.randn(2, 24, 16, 4) * enlarge(visible, 8).unsqueeze(-1)
    depthwise = nn.Conv2d(4, 4, kernel_size=7, padding=3, groups=4)
    downsample = nn.Conv2d(4, 6, kernel_size=2, stride=2)
    coordinates = enlarge(visible, 8).nonzero().int().contiguous()
    x = ME.SparseTensor(dense[tuple(coordinates.long().T)], coordinates=coordinates)
    first = ME.MinkowskiChannelwiseConvolution(4, kernel_size=7, bias=True, dimension=2)
    first.load_state_dict({"kernel": DEPTHWISE.write(depthwise.weight, ()), "bias": depthwise.bias[None]})
    second = ME.MinkowskiConvolution(4, 6, kernel_size=2, stride=2, bias=True, dimension=2)
    second.load_state_dict({"kernel": KERNEL.write(downsample.weight, ()), "bias": downsample.bias[None]})
    official, *_ = second(first(x)).dense(torch.Size([2, 6, 12, 8]), torch.IntTensor([0, 0]))

    layout = MaskedDense(enlarge(visible, 8))
    y, layout = layout.downsample(layout.depthwise(dense, depthwise), downsample)
    assert relative_error(official.permute(0, 2, 3, 1), layout.to_dense(y)) < 1e-5


def test_the_norm_of_a_channel_of_zeros_has_a_gradient():
    """After a strongly negative bias GELU is exactly zero over a whole image."""
    layout = first_layout(torch.ones(2, 1, 1, dtype=torch.bool))
    x = torch.randn(128, 3)
    x[:, 1] = 0
    x.requires_grad_()
    layout.image_norm(x).sum().backward()
    assert x.grad.isfinite().all()
    assert not x.grad[:, 1].any()


def test_the_parameters_that_the_engine_draws_for_itself_take_no_random_numbers():
    backbone = ConvNeXtV2(ARCH, out_indices=())
    images, visible = photographs(1), random_visible(1, (3, 2), 3)
    before = torch.get_rng_state()
    backbone.encode_visible(images, visible, "minkowski")
    assert torch.equal(torch.get_rng_state(), before)


def test_the_forks_depthwise_convolution_is_for_gpus(monkeypatch):
    import MinkowskiEngine as ME

    from cnxv2_mm.layouts.minkowski import depthwise_class

    assert depthwise_class(is_cuda=True) is ME.MinkowskiChannelwiseConvolution
    monkeypatch.setattr(ME, "MinkowskiDepthwiseConvolution", nn.Module, raising=False)
    assert depthwise_class(is_cuda=True) is nn.Module
    assert depthwise_class(is_cuda=False) is ME.MinkowskiChannelwiseConvolution


def test_a_device_that_the_engine_does_not_know_is_named():
    visible = torch.ones(1, 2, 2, dtype=torch.bool, device="meta")
    with pytest.raises(ValueError, match=r"runs on cpu.*, not on meta; move model and images"):
        find_masked_layout("minkowski").of_patches(visible, 4, 32)


def test_pre_training_takes_the_same_step_as_packed():
    """SGD, whose step is the gradient: AdamW's first step would be its sign, whatever its size."""
    backbone = {"type": "cnxv2_mm.ConvNeXtV2", "arch": ARCH}
    ours = wake_grn(FCMAE(backbone, {"width": 16}, layout="minkowski"))
    reference = FCMAE(backbone, {"width": 16}, layout="packed")
    reference.load_state_dict(ours.state_dict())
    losses = []
    for model in (ours, reference):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        torch.manual_seed(3)
        for _ in range(2):
            optimizer.zero_grad()
            loss = model(photographs(2), mode="loss")["loss"]
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    assert losses[:2] == pytest.approx(losses[2:], rel=1e-5)
    assert losses[0] != losses[1]
    for (name, parameter), expected in zip(ours.named_parameters(), reference.parameters(), strict=True):
        assert relative_error(parameter, expected) < 1e-4, name

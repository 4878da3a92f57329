"""The packed layout uses the operators on tiles, and stays what it is: the specification's numbers, hooks called."""

import copy
from collections import Counter
from functools import partial

import pytest
import torch

from cnxv2_mm import ConvNeXtV2
from cnxv2_mm.kernels.gpu import tile_depthwise as gpu
from cnxv2_mm.layouts import Packed
from cnxv2_mm.masking import random_visible
from tests.conftest import photographs, relative_error, wake_grn
from tests.layouts.contract import ARCH

BLOCKS = sum(ARCH["depths"])


@pytest.fixture
def started(monkeypatch):
    """How often each program was started."""
    counts = Counter()

    def count(name, launcher, *args):
        counts[name] += 1
        return launcher(*args)

    for name in ("convolve", "weight_gradient"):
        monkeypatch.setattr(gpu, name, partial(count, name, getattr(gpu, name)))
    return counts


@pytest.fixture
def backbone(device):
    return wake_grn(ConvNeXtV2(ARCH, out_indices=())).to(device)


@pytest.mark.parametrize(
    ("number", "size", "patch", "num_visible"),
    [(2, (96, 64), 32, 2), (1, (64, 160), 32, 1), (1, (64, 128), 64, 1), (1, (32, 64), 32, 2)],
    ids=["some", "one", "patches of 64 pixels", "all"],
)
def test_every_block_runs_on_tiles_and_agrees_with_the_specification(
    number, size, patch, num_visible, backbone, started, device
):
    specification = copy.deepcopy(backbone)
    images = photographs(number, size=size).to(device)
    visible = random_visible(number, (size[0] // patch, size[1] // patch), num_visible, device=device)
    features = backbone.encode_visible(images, visible, "packed")
    weights = torch.randn_like(features)
    (features * weights).sum().backward()
    assert started == {"convolve": 2 * BLOCKS, "weight_gradient": BLOCKS}
    expected = specification.encode_visible(images, visible, "masked_dense")
    assert relative_error(features, expected) < 1e-5
    (expected * weights).sum().backward()
    for (name, parameter), reference in zip(backbone.named_parameters(), specification.parameters(), strict=True):
        assert relative_error(parameter.grad, reference.grad) < 2e-5, name


def test_hidden_pixels_change_nothing_and_other_images_little(backbone, device):
    images, visible = photographs(2, size=(64, 64)).to(device), random_visible(2, (2, 2), 2, device=device)
    together = backbone.encode_visible(images, visible, "packed")
    hidden = ~visible.repeat_interleave(32, 1).repeat_interleave(32, 2).unsqueeze(1)
    filled = images.masked_fill(hidden, float("nan"))
    assert torch.equal(backbone.encode_visible(filled, visible, "packed"), together)
    alone = backbone.encode_visible(images[1:2], visible[1:2], "packed")
    assert relative_error(alone, together[1:2]) < 1e-5


def test_it_compiles_without_a_graph_break(backbone, started, device):
    """The operators run in the graphs of both passes, and the numbers stay."""
    eager = copy.deepcopy(backbone)
    images, visible = photographs(1, size=(32, 64)).to(device), random_visible(1, (1, 2), 1, device=device)
    torch.compiler.reset()
    encode = torch.compile(backbone.encode_visible, fullgraph=True, backend="aot_eager")
    features = encode(images, visible, "packed", 1)
    weights = torch.randn_like(features)
    (features * weights).sum().backward()
    assert started == {"convolve": 2 * BLOCKS, "weight_gradient": BLOCKS}
    expected = eager.encode_visible(images, visible, "packed", 1)
    assert relative_error(features, expected) < 1e-5
    (expected * weights).sum().backward()
    for (name, parameter), reference in zip(backbone.named_parameters(), eager.parameters(), strict=True):
        assert relative_error(parameter.grad, reference.grad) < 2e-5, name


@pytest.mark.parametrize(
    "change",
    [
        lambda conv: conv.register_forward_hook(lambda *_: None),
        lambda conv: conv.double(),
        lambda conv: setattr(conv, "padding_mode", "reflect"),
    ],
    ids=["a hook", "float64", "another padding"],
)
def test_anything_else_does_not_run_on_tiles(change, started, device):
    layout = Packed.of_patches(random_visible(1, (2, 2), 2, device=device), 2, 32)
    conv = torch.nn.Conv2d(4, 4, 7, padding=3, groups=4).to(device)
    change(conv)
    x = torch.randn(1, 2 * 64, 4, device=device, dtype=conv.weight.dtype)
    layout.depthwise(x, conv)
    assert not started

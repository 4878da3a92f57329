"""The eps of the layer norms, in the dense backbone and in the masked encoders.

Oracle: timm's builder of CLIP's xxlarge, whose norms have eps 1e-5; here it is small. In float64, where another eps
shows and rounding does not.
"""

import pytest
import timm
import torch
from torch import nn

from cnxv2_mm import ConvNeXtV2
from tests.checkpoints.peers import SMALL, randomise
from tests.conftest import photographs, relative_error
from tests.test_backbone import V1, timm_name

ARCH = {"depths": SMALL.depths, "channels": SMALL.channels}


def same_weights(**options):
    """A small ``convnext_xxlarge`` of timm's, and a backbone with its tensors."""
    network = randomise(timm.create_model("convnext_xxlarge", depths=SMALL.depths, dims=SMALL.channels, num_classes=0))
    backbone = ConvNeXtV2(ARCH, out_indices=(), **V1, **options).eval()
    theirs = network.state_dict()
    backbone.load_state_dict({n: theirs[timm_name(n)].view(t.shape) for n, t in backbone.state_dict().items()})
    return backbone.double(), network.double()


@torch.no_grad()
@pytest.mark.parametrize("layout", ["dense", "packed", "masked_dense", "masked_input"])
def test_maps_are_those_of_timm_with_its_eps_and_not_with_another(layout):
    images = photographs(2, size=(96, 64)).double()
    visible = torch.ones(2, 3, 2, dtype=torch.bool)
    errors = {}
    for eps in (1e-5, 1e-6):
        backbone, network = same_weights(norm_eps=eps)
        expected = network.forward_intermediates(images, intermediates_only=True)
        if layout == "dense":
            backbone.out_indices = (0, 1, 2, 3)
            for i in range(4):
                backbone.add_module(f"norm{i}", nn.Identity())  # timm has no norms behind its maps
            maps = backbone(images)
        else:
            maps = backbone.encode_visible_stages(images, visible, layout)
        errors[eps] = max(relative_error(*pair) for pair in zip(maps, expected, strict=True))
    assert errors[1e-5] < 1e-10
    assert errors[1e-6] > 1e-5


@torch.no_grad()
def test_pooled_features_are_those_of_timm_with_its_eps():
    backbone, network = same_weights(norm_eps=1e-5)
    backbone.out_indices, backbone.gap_before_final_norm = (3,), True
    backbone.norm3 = ConvNeXtV2(ARCH, norm_eps=1e-5).double().norm3
    backbone.norm3.load_state_dict(network.head.norm.state_dict())
    images = photographs(2, size=(96, 64)).double()
    expected = network.forward_head(network.forward_features(images), pre_logits=True)
    assert relative_error(backbone(images)[0], expected) < 1e-10


@torch.no_grad()
def test_hidden_cells_change_nothing_of_it():
    """Oracle: ``masked_dense``, the specification, with the eps of every norm set by hand."""
    backbone, _ = same_weights(norm_eps=1e-3)
    by_hand, _ = same_weights()
    by_hand.load_state_dict(backbone.state_dict())
    for module in by_hand.modules():
        if isinstance(module, nn.LayerNorm):
            module.eps = 1e-3
    images = photographs(2, size=(96, 64)).double()
    visible = torch.tensor([[[1, 0], [0, 1], [1, 0]], [[0, 1], [1, 1], [0, 0]]]).bool()
    expected = by_hand.encode_visible(images, visible, "masked_dense")
    assert relative_error(backbone.encode_visible(images, visible, "packed"), expected) < 1e-10


def test_every_layer_norm_has_it():
    backbone = ConvNeXtV2(ARCH, norm_eps=0.25)
    norms = [module for module in backbone.modules() if isinstance(module, nn.LayerNorm)]
    assert len(norms) == sum(SMALL.depths) + 1 + 3 + 4  # blocks, stem, downsampling, outputs
    assert {norm.eps for norm in norms} == {0.25}


@pytest.mark.parametrize("eps", [0, 0.0, -1e-6, float("nan"), float("inf"), "1e-5", True, None])
def test_what_is_no_eps_is_refused(eps):
    with pytest.raises(ValueError, match=f"norm_eps={eps!r} must be a number above 0"):
        ConvNeXtV2(ARCH, norm_eps=eps)

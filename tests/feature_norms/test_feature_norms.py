"""What a config may ask for in the place of GRN, in the block, the optimiser and checkpoints."""

import pytest
import torch
from torch import nn

from cnxv2_mm import ConvNeXtV2
from cnxv2_mm.backbone import ConvNeXtV2Block
from cnxv2_mm.checkpoints import load
from cnxv2_mm.checkpoints.translate import to_ours
from cnxv2_mm.feature_norms import build_feature_norm
from cnxv2_mm.layers import GRN
from cnxv2_mm.layouts import Dense
from cnxv2_mm.training.layer_decay import is_never_decayed
from tests.conftest import photographs

ARCH = {"depths": (1, 1, 1, 1), "channels": (8, 16, 24, 32)}
WITHOUT_FUSION = [{"aggregation": "mean"}, {"residual": False}, "lrn", "bn", "ln", "se", "cbam"]


@pytest.mark.parametrize("grn", ["grn", {}, {"aggregation": "l2", "normalisation": "divisive", "residual": True}])
def test_grn_itself_is_the_layer_with_the_fused_path(grn):
    assert type(build_feature_norm(grn, 4)) is GRN


@pytest.mark.parametrize("grn", WITHOUT_FUSION)
def test_the_others_are_called(grn):
    """Nothing fused stands in for them: the block's result is that of its modules, written here one by one."""
    block = ConvNeXtV2Block(8, grn=grn).eval()
    for parameter in block.parameters():
        nn.init.normal_(parameter, std=0.5)
    x, layout = torch.randn(2, 5, 4, 8), Dense(2, (5, 4))
    hidden = nn.functional.gelu(block.pwconv1(block.norm(layout.depthwise(x, block.dwconv))))
    expected = x + block.pwconv2(block.grn(hidden, layout))
    torch.testing.assert_close(block(x, layout), expected)
    assert not torch.allclose(block.grn(hidden, layout), hidden)


def test_use_grn_false_leaves_the_place_empty():
    assert build_feature_norm("grn", 4, use_grn=False) is None
    with pytest.raises(ValueError, match="use_grn=False leaves out what grn='se' asks for: remove one of the two"):
        ConvNeXtV2(ARCH, use_grn=False, grn="se")


@pytest.mark.parametrize("grn", ["gn", True, {"norm": "l1"}, {"type": "se"}])
def test_unknown_ones_are_refused(grn):
    with pytest.raises(ValueError, match=r"must be one of grn, lrn, bn, ln, se, cbam, or a dict .* aggregation, norm"):
        ConvNeXtV2(ARCH, grn=grn)


@pytest.mark.parametrize("grn", WITHOUT_FUSION)
def test_their_vectors_are_never_decayed(grn):
    module = build_feature_norm(grn, 32)
    decayed = [
        parameter.ndim
        for owner in module.modules()
        for name, parameter in owner.named_parameters(recurse=False)
        if not is_never_decayed(owner, name, parameter.ndim)
    ]
    assert min(decayed, default=2) > 1
    assert bool(decayed) == (grn in ("se", "cbam"))


@pytest.mark.parametrize("grn", WITHOUT_FUSION)
def test_a_checkpoint_fills_the_same_network_and_no_other(grn, tmp_path):
    """'lrn' alone has no tensors: its file is that of a network without GRN."""
    source, target = (ConvNeXtV2(ARCH, out_indices=(3,), grn=grn) for _ in range(2))
    with torch.no_grad():
        for tensor in source.state_dict().values():
            tensor.uniform_(0.1, 0.2)
    torch.save({"state_dict": source.state_dict(prefix="backbone.")}, tmp_path / "variant.pth")
    load(target, tmp_path / "variant.pth")
    images = photographs(1)
    assert torch.equal(target.eval()(images)[0], source.eval()(images)[0])
    other = ConvNeXtV2(ARCH, grn="se" if grn == "ln" else "ln")
    with pytest.raises(ValueError, match=r"does not fit this backbone .*; set arch, in_channels, use_grn, grn and"):
        load(other, tmp_path / "variant.pth")


def test_a_bare_state_dict_with_gates_is_ours():
    """Their weights have two dimensions, as the official code's GRN has more than one; the names tell them apart."""
    source = ConvNeXtV2(ARCH, out_indices=(), grn="se")
    assert to_ours(source.state_dict()).dialect.name == "ours"

"""The baselines of table 2e against timm's modules with the same weights."""

import torch
from timm.layers import SEModule
from timm.layers.cbam import CbamModule
from torch import nn

from cnxv2_mm import ConvNeXtV2
from cnxv2_mm.feature_norms import CBAM, SqueezeExcitation
from cnxv2_mm.layouts import Dense
from tests.conftest import relative_error


def randomise(module):
    for parameter in module.parameters():
        nn.init.normal_(parameter)
    return module


def theirs_of(module, x):
    """What timm's module, which takes (N, C, H, W), makes of (N, H, W, C) cells."""
    return module(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)


def test_squeeze_excitation_is_timms():
    ours, theirs = randomise(SqueezeExcitation(32)), SEModule(32, rd_channels=2)
    theirs.load_state_dict(
        {name: p[..., None, None] if p.ndim == 2 else p for name, p in ours.state_dict().items()}, strict=True
    )
    x = torch.randn(2, 5, 4, 32)
    assert relative_error(ours(x, Dense(2, (5, 4))), theirs_of(theirs, x)) < 1e-6


def test_cbam_is_timms():
    """timm's convolution has a batch norm behind it; in evaluation, with this variance, it does nothing."""
    ours, theirs = randomise(CBAM(32)), CbamModule(32).eval()
    theirs.channel.fc1.weight.data = ours.fc1.weight.data[..., None, None]
    theirs.channel.fc2.weight.data = ours.fc2.weight.data[..., None, None]
    theirs.spatial.conv.conv.weight.data = ours.conv.weight.data.permute(1, 0, 2, 3)  # (2, 1, 7, 7) -> (1, 2, 7, 7)
    norm = theirs.spatial.conv.bn
    norm.running_var.fill_(1 - norm.eps)
    x = torch.randn(2, 9, 8, 32)
    assert relative_error(ours(x, Dense(2, (9, 8))), theirs_of(theirs, x)) < 1e-5


def test_base_grows_to_the_size_of_table_2e():
    """Oracle: the paper's 109 million parameters, where the base network has 89 million; here it is 109.5."""
    with torch.device("meta"):
        sizes = {
            grn: sum(p.numel() for p in ConvNeXtV2("base", out_indices=(3,), grn=grn).parameters()) + 1024 * 1000 + 1000
            for grn in ("se", "cbam")
        }
    assert {grn: size // 1_000_000 for grn, size in sizes.items()} == {"se": 109, "cbam": 109}


def test_half_precision_keeps_its_type():
    for module in (SqueezeExcitation(32), CBAM(32)):
        x = torch.randn(1, 4, 4, 32).bfloat16()
        assert module.bfloat16()(x, Dense(1, (4, 4))).dtype == torch.bfloat16

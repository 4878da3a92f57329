"""The decoder: what stands in for hidden cells, and its size."""

import pytest
import torch

from cnxv2_mm import FCMAEDecoder


def test_hidden_cells_are_the_mask_token_whatever_the_encoder_left_there():
    decoder = FCMAEDecoder(in_channels=8, out_channels=12, width=16)
    features = torch.randn(2, 8, 3, 2)
    visible = torch.rand(2, 3, 2) > 0.5
    other = torch.where(visible.unsqueeze(1), features, torch.full_like(features, 7.0))
    assert torch.equal(decoder(features, visible), decoder(other, visible))
    changed = decoder(features + visible.unsqueeze(1), visible)
    assert not torch.equal(decoder(features, visible), changed)


def test_with_blocks_silenced_it_is_projection_or_token():
    decoder = FCMAEDecoder(in_channels=4, out_channels=6, width=5)
    for block in decoder.blocks:
        torch.nn.init.zeros_(block.pwconv2.weight)
    features = torch.randn(1, 4, 1, 2)
    x = decoder(features, torch.tensor([[[True, False]]]))
    torch.testing.assert_close(x[0, 0, 0], decoder.proj(features[0, :, 0, 0]))
    assert torch.equal(x[0, 0, 1], decoder.mask_token)


def test_depth_and_width():
    decoder = FCMAEDecoder(in_channels=4, out_channels=6, depth=3, width=8)
    assert len(decoder.blocks) == 3
    assert decoder(torch.randn(1, 4, 2, 2), torch.ones(1, 2, 2, dtype=torch.bool)).shape == (1, 2, 2, 8)


def test_without_grn_it_is_a_plain_convnext_block():
    """Oracle: the block of V1, written with its own modules; ``tests/checkpoints/test_parity.py`` has timm's."""
    decoder = FCMAEDecoder(in_channels=4, out_channels=6, width=8, use_grn=False)
    assert [name for name in decoder.state_dict() if "grn" in name] == []
    (block,) = decoder.blocks
    x = decoder(torch.randn(1, 4, 3, 2), torch.zeros(1, 3, 2, dtype=torch.bool))
    token = decoder.mask_token.expand(1, 3, 2, 8)
    y = block.dwconv(token.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
    expected = token + block.pwconv2(torch.nn.functional.gelu(block.pwconv1(block.norm(y))))
    torch.testing.assert_close(x, expected)
    with pytest.raises(ValueError, match="the decoder's use_grn='no' must be True or False, without quotes"):
        FCMAEDecoder(in_channels=4, out_channels=6, use_grn="no")


@pytest.mark.parametrize(("name", "value"), [("depth", 0), ("width", 0), ("width", 8.0), ("in_channels", "4")])
def test_wrong_numbers_are_refused(name, value):
    with pytest.raises(ValueError, match=f"the decoder's {name}={value!r} must be a whole number, at least 1"):
        FCMAEDecoder(**{"in_channels": 4, "out_channels": 6, name: value})


def test_the_mask_token_starts_as_small_as_the_weights():
    """Oracle: normal with deviation 0.02, models/fcmae.py of facebookresearch/ConvNeXt-V2 @ 2553895."""
    token = FCMAEDecoder(in_channels=4, out_channels=6, width=512).mask_token
    assert token.std().item() == pytest.approx(0.02, rel=0.15)
    assert token.mean().item() == pytest.approx(0, abs=0.005)

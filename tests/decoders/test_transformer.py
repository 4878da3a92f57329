"""The Transformer decoder against timm's block and Hugging Face's MAE."""

import pytest
import torch
from timm.models.vision_transformer import Block
from torch import nn
from transformers.models.vit_mae.modeling_vit_mae import get_2d_sincos_pos_embed

from cnxv2_mm import TransformerDecoder
from cnxv2_mm.decoders.transformer import TransformerBlock, positions


def randomise(module):
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=0.3)
    return module


def test_the_positions_are_maes():
    """Oracle: Hugging Face's copy of MAE's function, which knows squares only."""
    expected = torch.from_numpy(get_2d_sincos_pos_embed(16, 5)).float()
    torch.testing.assert_close(positions((5, 5), 16), expected)


def test_the_positions_of_a_rectangle_are_those_of_a_part_of_a_square():
    square = positions((5, 5), 8).view(5, 5, 8)
    assert torch.equal(positions((2, 4), 8).view(2, 4, 8), square[:2, :4])


def test_the_block_is_timms():
    ours, theirs = randomise(TransformerBlock(32, 4)), Block(32, 4, qkv_bias=True, norm_layer=nn.LayerNorm)
    names = {"qkv": "attn.qkv", "proj": "attn.proj", "fc1": "mlp.fc1", "fc2": "mlp.fc2"}
    state = ours.state_dict()
    theirs.load_state_dict(
        {f"{names.get(name.split('.')[0], name.split('.')[0])}.{name.split('.')[1]}": t for name, t in state.items()}
    )
    for norm in (theirs.norm1, theirs.norm2):
        norm.eps = 1e-6
    x = torch.randn(2, 6, 32)
    torch.testing.assert_close(ours(x), theirs(x), rtol=1e-5, atol=1e-5)


def test_it_is_maes_decoder_over_cells_and_tokens():
    """Oracle: the parts in MAE's order, tokens in the place of hidden cells, whatever the encoder left there."""
    decoder = randomise(TransformerDecoder(in_channels=8, out_channels=12, width=16, num_heads=2, depth=2))
    features, visible = torch.randn(2, 8, 3, 2), torch.rand(2, 3, 2) > 0.5
    rows = []
    for n in range(2):
        for row in range(3):
            for column in range(2):
                seen = visible[n, row, column]
                rows.append(decoder.proj(features[n, :, row, column]) if seen else decoder.mask_token)
    x = torch.stack(rows).view(2, 6, 16) + positions((3, 2), 16)
    for block in decoder.blocks:
        x = block(x)
    expected = decoder.norm(x).view(2, 3, 2, 16)
    torch.testing.assert_close(decoder(features, visible), expected)
    other = torch.where(visible.unsqueeze(1), features, torch.full_like(features, 7.0))
    assert torch.equal(decoder(features, visible), decoder(other, visible))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"width": 18}, "the decoder's width=18 must be a multiple of 4 and of num_heads=16"),
        ({"num_heads": 0}, "the decoder's num_heads=0 must be a whole number, at least 1"),
        ({"depth": 1.0}, "the decoder's depth=1.0 must be a whole number, at least 1"),
    ],
)
def test_wrong_numbers_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        TransformerDecoder(in_channels=4, out_channels=6, **options)

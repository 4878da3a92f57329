"""The U-Net decoder against PyTorch's convolutions, level by level."""

import pytest
import torch
from torch import nn

from cnxv2_mm import UNetDecoder
from cnxv2_mm.decoders.unet import FinePixels
from cnxv2_mm.layouts import Dense
from tests.conftest import relative_error, wake_grn

CHANNELS = (4, 6, 8, 10)


def maps(n=2, h=2, w=3):
    return [torch.randn(n, c, h * 8 // 2**i, w * 8 // 2**i) for i, c in enumerate(CHANNELS)]


def by_convolutions(decoder, features, visible):
    """The U-Net in (N, C, H, W), with a transposed convolution and a 1 x 1 convolution at each step up."""
    token = decoder.mask_token.view(1, -1, 1, 1)
    x = torch.where(visible.unsqueeze(1), features[3], token)
    for stage in (3, 2, 1, 0):
        if stage < 3:
            norm, linear = decoder.ups[stage]
            x = nn.functional.layer_norm(x.permute(0, 2, 3, 1), norm.normalized_shape, norm.weight, norm.bias, 1e-6)
            fine = CHANNELS[stage]
            weight = linear.weight.view(2, 2, fine, -1).permute(3, 2, 0, 1)  # (in, out, 2, 2)
            x = nn.functional.conv_transpose2d(x.permute(0, 3, 1, 2), weight, stride=2)
            x = x + linear.bias.view(2, 2, fine).permute(2, 0, 1).repeat(1, x.shape[2] // 2, x.shape[3] // 2)
            if decoder.skips is not None:
                joint = torch.cat((x, features[stage]), dim=1)
                x = nn.functional.conv2d(joint, decoder.skips[stage].weight[..., None, None], decoder.skips[stage].bias)
        cells = x.permute(0, 2, 3, 1).contiguous()
        x = decoder.levels[stage](cells, Dense(len(x), x.shape[2:])).permute(0, 3, 1, 2)
    return x


@pytest.mark.parametrize("skip", [True, False])
def test_it_goes_up_by_transposed_convolutions(skip):
    decoder = wake_grn(UNetDecoder(CHANNELS, 3072, skip=skip))
    for parameter in decoder.parameters():
        nn.init.normal_(parameter, std=0.2)
    features, visible = maps(), torch.rand(2, 2, 3) > 0.5
    cells = decoder(features, visible)
    assert cells.shape == (2, 2, 3, 64 * 4)
    expected = by_convolutions(decoder, features, visible)  # (N, 4, 16, 24)
    for row in range(2):
        for column in range(3):
            tile = expected[:, :, row * 8 : row * 8 + 8, column * 8 : column * 8 + 8].permute(0, 2, 3, 1)
            assert relative_error(cells[:, row, column].view(2, 8, 8, 4), tile) < 1e-5


def test_each_fine_cell_paints_its_own_pixels():
    pred = FinePixels(5, 4 * 4 * 3)
    cells = torch.randn(8, 8, 5)
    pixels = pred(cells.flatten()).view(32, 32, 3)
    for row in range(8):
        for column in range(8):
            expected = nn.functional.linear(cells[row, column], pred.weight, pred.bias).view(4, 4, 3)
            ours = pixels[4 * row : 4 * row + 4, 4 * column : 4 * column + 4]
            torch.testing.assert_close(ours, expected)


def test_only_with_skips_the_finer_maps_are_read():
    features, visible = maps(), torch.ones(2, 2, 3, dtype=torch.bool)
    others = [torch.randn_like(f) for f in features[:3]] + features[3:]
    for skip in (True, False):
        decoder = UNetDecoder(CHANNELS, 1024, skip=skip)
        assert torch.equal(decoder(features, visible), decoder(others, visible)) != skip


def test_what_the_encoder_left_at_hidden_cells_of_its_last_map_is_not_read():
    decoder = UNetDecoder(CHANNELS, 1024, skip=False, use_grn=False)
    assert [name for name in decoder.state_dict() if "grn" in name] == []
    features, visible = maps(), torch.rand(2, 2, 3) > 0.5
    other = torch.where(visible.unsqueeze(1), features[3], torch.full_like(features[3], 7.0))
    assert torch.equal(decoder(features, visible), decoder([*features[:3], other], visible))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((320, 3072), "the decoder's in_channels=320 must be 4 numbers, one per stage"),
        (((4, 6, 8), 3072), r"the decoder's in_channels=\(4, 6, 8\) must be 4 numbers"),
        (((4, 6, 8, 0), 3072), "a number of the decoder's in_channels=0 must be a whole number, at least 1"),
        ((CHANNELS, 48), r"the decoder's out_channels=48 must be a multiple of 32 \* 32"),
        ((CHANNELS, 3072, "yes"), "the decoder's skip='yes' must be True or False"),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        UNetDecoder(*arguments)

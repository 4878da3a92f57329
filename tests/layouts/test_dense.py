"""The dense layout's stem and downsampling against PyTorch's convolutions."""

import pytest
import torch
from torch import nn

from cnxv2_mm.layouts import Dense, find_masked_layout
from tests.conftest import relative_error


@pytest.mark.parametrize("size", [(32, 32), (37, 50)])
def test_embed_is_the_convolution(size):
    conv = nn.Conv2d(5, 7, kernel_size=4, stride=4)
    images = torch.randn(2, 5, *size)
    result = Dense.of(images).embed(images, conv)
    assert relative_error(result, conv(images).permute(0, 2, 3, 1)) < 1e-5


def test_downsample_is_the_convolution_and_halves_the_size():
    conv = nn.Conv2d(4, 6, kernel_size=2, stride=2)
    x = torch.randn(2, 7, 5, 4)
    y, layout = Dense(2, (7, 5)).downsample(x, conv)
    torch.testing.assert_close(y, conv(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1))
    assert layout.size == (3, 2) == tuple(y.shape[1:3])


def test_maps_stay_contiguous_with_channels_innermost():
    x = torch.randn(2, 6, 5, 4)
    y = Dense(2, (6, 5)).depthwise(x, nn.Conv2d(4, 4, 7, padding=3, groups=4))
    assert y.is_contiguous()


def test_an_unknown_layout_lists_the_known_ones():
    with pytest.raises(
        ValueError, match="layout='ragged' is unknown; choose one of masked_dense, packed, minkowski, mask"
    ):
        find_masked_layout("ragged")

"""A U-Net as the decoder: table 1a of ConvNeXt V2 (arXiv 2301.00808), 83.7 with and 83.5 without skip connections.

The paper names it without details. What we chose mirrors the encoder: from stride 32 to 16, 8 and 4, each level has the
channels of the encoder's stage of that stride and one ConvNeXt block; a step up is a norm and a transposed 2 x 2
convolution, as a step down is a norm and a 2 x 2 convolution; pixels are predicted from the cells of stride 4. A skip
connection puts the encoder's map of that stage beside the cells, zero where hidden, and a linear layer halves the
channels, as in the first U-Net (arXiv 1505.04597).

Shape letters: N images, h x w cells of stride 32, C channels.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import ClassVar

import torch
from torch import Tensor, nn

from cnxv2_mm.arguments import check_argument, check_count
from cnxv2_mm.backbone import LAYER_NORM_EPS, ConvNeXtV2Block, initialise
from cnxv2_mm.decoders.base import Decoder, fill_in, new_mask_token
from cnxv2_mm.layouts import Dense
from cnxv2_mm.registry import MODELS
from cnxv2_mm.variants import LAST_STRIDE, NUM_STAGES, STEM_STRIDE

# Cells of stride 4 along the side of a cell of stride 32.
_SIDE = LAST_STRIDE // STEM_STRIDE


class FinePixels(nn.Linear):
    """A linear layer from each cell of stride 4 to its own 4 x 4 pixels, for all of those in a cell of stride 32."""

    def forward(self, input: Tensor) -> Tensor:
        """Turn (..., 8 * 8 * in_features) into (..., 32 * 32 * C): pixels in reading order, channels innermost."""
        pixels = super().forward(input.unflatten(-1, (_SIDE, _SIDE, self.in_features)))
        pixels = pixels.unflatten(-1, (STEM_STRIDE, STEM_STRIDE, -1))  # (..., 8, 8, 4, 4, C)
        return pixels.transpose(-4, -3).flatten(-5)


@MODELS.register_module()
class UNetDecoder(Decoder):
    """Mask token, then up through all strides of the encoder, with a ConvNeXt block at each, and pixels at the finest.

    Args:
        in_channels: Number of channels of each stage of the encoder.
        out_channels: How many numbers to predict for each cell of stride 32: its pixels times the channels of the
            images.
        skip: Whether the encoder's maps of the finer stages are read too.
        use_grn: Whether the blocks have GRN.
        init_cfg: mmengine's initialisation; None keeps :func:`cnxv2_mm.backbone.initialise`.

    Raises:
        ValueError: ``in_channels`` are not four numbers, one of the numbers is not a whole number or is less than 1, or
            an option is not True or False.
    """

    reads_all_stages: ClassVar[bool] = True
    mask_token: nn.Parameter  # (C of the last stage,)

    def __init__(
        self,
        in_channels: Sequence[int],
        out_channels: int,
        skip: bool = True,
        use_grn: bool = True,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if not isinstance(in_channels, Sequence) or len(in_channels) != NUM_STAGES:
            raise ValueError(f"the decoder's in_channels={in_channels!r} must be {NUM_STAGES} numbers, one per stage")
        for channels in in_channels:
            check_count("a number of the decoder's in_channels", channels)
        multiple = f"a multiple of {LAST_STRIDE} * {LAST_STRIDE}"
        check_argument(
            "the decoder's out_channels", out_channels, int, multiple, lambda n: n > 0 and not n % LAST_STRIDE**2
        )
        for name, value in (("skip", skip), ("use_grn", use_grn)):
            check_argument(f"the decoder's {name}", value, bool, "True or False")
        self.mask_token = new_mask_token(in_channels[-1])
        self.levels = nn.ModuleList(ConvNeXtV2Block(channels, 0.0, use_grn) for channels in in_channels)
        self.ups = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(coarse, eps=LAYER_NORM_EPS), nn.Linear(coarse, 4 * fine))
            for fine, coarse in pairwise(in_channels)
        )
        self.skips = nn.ModuleList(nn.Linear(2 * fine, fine) for fine in in_channels[:-1]) if skip else None
        self.pred = FinePixels(in_channels[0], out_channels // _SIDE**2)
        self.apply(initialise)

    def forward(self, features: Sequence[Tensor], visible: Tensor) -> Tensor:
        """Fill in the hidden cells.

        Args:
            features: The encoder's maps of all stages, (N, C, 8h, 8w) to (N, C, h, w), zero where hidden.
            visible: Which cells of stride 32 are visible, (N, h, w) booleans.

        Returns:
            All cells, (N, h, w, 8 * 8 * C), C channels of each of the cells of stride 4. :attr:`pred` turns them, or
            those that the caller picks, into pixels.
        """
        maps = [feature.permute(0, 2, 3, 1) for feature in features]  # (N, H, W, C) each
        x = fill_in(maps[-1], visible, self.mask_token)
        for stage in reversed(range(NUM_STAGES)):
            if stage < NUM_STAGES - 1:
                x = _spread(self.ups[stage](x))
                if self.skips is not None:
                    x = self.skips[stage](torch.cat((x, maps[stage].to(x.dtype)), dim=-1))
            x = self.levels[stage](x, Dense(x.shape[0], (x.shape[1], x.shape[2])))
        tiles = x.unflatten(2, (-1, _SIDE)).unflatten(1, (-1, _SIDE))  # (N, h, 8, w, 8, C)
        return tiles.transpose(2, 3).flatten(3)


def _spread(cells: Tensor) -> Tensor:
    """Turn each of (N, H, W, 4C) cells into four of twice the resolution, (N, 2H, 2W, C)."""
    pixels = cells.unflatten(3, (2, 2, -1))  # (N, H, W, 2, 2, C)
    return pixels.transpose(2, 3).flatten(3, 4).flatten(1, 2)

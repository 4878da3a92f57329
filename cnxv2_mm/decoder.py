"""The decoder of FCMAE: from the encoder's visible cells to the pixels of all of them.

Source: facebookresearch/ConvNeXt-V2 @ 2553895 (models/fcmae.py): one ConvNeXt V2 block of width 512 (table 1b, 1c of
arXiv 2301.00808). What differs: 1 x 1 convolutions are linear layers, the mask token is a vector (so that no rule
decays it), all weights start with std 0.02 (there with std 1), and pixels can be predicted for some cells only.
"""

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from cnxv2_mm.arguments import check_argument, check_count
from cnxv2_mm.backbone import ConvNeXtV2Block, initialise
from cnxv2_mm.layouts import Dense
from cnxv2_mm.registry import MODELS


@MODELS.register_module()
class FCMAEDecoder(BaseModule):
    """Projection, mask token, dense ConvNeXt V2 blocks, and a linear layer to pixels.

    Args:
        in_channels: Number of channels of the encoder's last stage.
        out_channels: How many numbers to predict for each cell: its pixels times the channels of the images.
        depth: Number of blocks, at least 1.
        width: Number of channels of the blocks.
        use_grn: Whether the blocks have GRN. False is the "plain ConvNeXt block" (section 3) of the paper's
            experiments before GRN, without a layer scale too.
        init_cfg: mmengine's initialisation; None keeps :func:`cnxv2_mm.backbone.initialise`.

    Raises:
        ValueError: One of these numbers is not a whole number, or is less than 1; or ``use_grn`` is not True or False.
    """

    mask_token: nn.Parameter  # (width,)

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        depth: int = 1,
        width: int = 512,
        use_grn: bool = True,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        numbers = {"in_channels": in_channels, "out_channels": out_channels, "depth": depth, "width": width}
        for name, value in numbers.items():
            check_count(f"the decoder's {name}", value)
        check_argument("the decoder's use_grn", use_grn, bool, "True or False")
        self.proj = nn.Linear(in_channels, width)
        self.mask_token = nn.Parameter(torch.empty(width).normal_(std=0.02))
        self.blocks = nn.ModuleList(ConvNeXtV2Block(width, 0.0, use_grn) for _ in range(depth))
        self.pred = nn.Linear(width, out_channels)
        self.apply(initialise)

    def forward(self, features: Tensor, visible: Tensor) -> Tensor:
        """Fill in the hidden cells.

        Args:
            features: What the encoder returned, (N, in_channels, h, w); its numbers at hidden cells are not read.
            visible: Which cells are visible, (N, h, w) booleans.

        Returns:
            All cells, (N, h, w, width). :attr:`pred` turns them, or those that the caller picks, into pixels.
        """
        x = self.proj(features.permute(0, 2, 3, 1))
        x = torch.where(visible.unsqueeze(-1), x, self.mask_token.to(x.dtype))
        layout = Dense(x.shape[0], (x.shape[1], x.shape[2]))
        for block in self.blocks:
            x = block(x, layout)
        return x

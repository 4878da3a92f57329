"""A Transformer as the decoder: table 1a of ConvNeXt V2 (arXiv 2301.00808), 83.4 where a ConvNeXt block has 83.7.

The paper names it without details. This is the decoder of MAE (arXiv 2111.06377, facebookresearch/mae,
models_mae.py): cells and mask tokens with fixed positions, blocks, a norm. What differs: one block, as there is one
ConvNeXt block; no class token, which the encoder has not either; all weights start with std 0.02, as elsewhere in this
package (there by Xavier's rule).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cnxv2_mm.arguments import check_argument, check_count
from cnxv2_mm.backbone import LAYER_NORM_EPS, initialise
from cnxv2_mm.decoders.base import Decoder, fill_in, new_mask_token
from cnxv2_mm.registry import MODELS


def positions(grid: tuple[int, int], width: int, device: torch.device | None = None) -> Tensor:
    """Return MAE's position embedding of the cells of a grid, (h * w, width).

    The first half of the numbers tells the column, the second the row; each is the sines, then the cosines, of the
    position times ``10000 ** (-i / (width / 4))``.

    Args:
        grid: Cells down and across, (h, w).
        width: A multiple of 4.
        device: Where to put the result.
    """
    frequencies = 10000 ** -(torch.arange(width // 4, dtype=torch.float64, device=device) / (width // 4))
    halves = []
    for side in grid:
        angles = torch.outer(torch.arange(side, dtype=torch.float64, device=device), frequencies)
        halves.append(torch.cat((angles.sin(), angles.cos()), dim=1))  # (side, width / 2)
    rows, columns = (half.float() for half in halves)
    both = columns.expand(grid[0], -1, -1), rows.unsqueeze(1).expand(-1, grid[1], -1)  # (h, w, width / 2) each
    return torch.cat(both, dim=2).flatten(0, 1)


class TransformerBlock(nn.Module):
    """Attention among all cells of an image, then an MLP of four times the width, each behind a norm, with residuals.

    Source: arXiv 2010.11929.

    Args:
        width: Number of channels.
        num_heads: Number of attention heads, which divides ``width``.
    """

    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.norm1 = nn.LayerNorm(width, eps=LAYER_NORM_EPS)
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width, eps=LAYER_NORM_EPS)
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Transform (N, L, width) cells; the shape stays."""
        heads = self.qkv(self.norm1(x)).unflatten(2, (3, self.num_heads, -1))  # (N, L, 3, heads, width / heads)
        query, key, value = heads.permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(query, key, value)
        x = x + self.proj(y.transpose(1, 2).flatten(2))
        return x + self.fc2(F.gelu(self.fc1(self.norm2(x))))


@MODELS.register_module()
class TransformerDecoder(Decoder):
    """Projection, mask token, positions, Transformer blocks, a norm, and a linear layer to pixels.

    Args:
        in_channels: Number of channels of the encoder's last stage.
        out_channels: How many numbers to predict for each cell: its pixels times the channels of the images.
        depth: Number of blocks, at least 1.
        width: Number of channels of the blocks, a multiple of 4 and of ``num_heads``.
        num_heads: Number of attention heads.
        init_cfg: mmengine's initialisation; None keeps :func:`cnxv2_mm.backbone.initialise`.

    Raises:
        ValueError: One of these numbers is not a whole number, is less than 1, or does not divide the width.
    """

    mask_token: nn.Parameter  # (width,)

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        depth: int = 1,
        width: int = 512,
        num_heads: int = 16,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        numbers = {"in_channels": in_channels, "out_channels": out_channels, "depth": depth, "num_heads": num_heads}
        for name, value in numbers.items():
            check_count(f"the decoder's {name}", value)
        multiple = f"a multiple of 4 and of num_heads={num_heads}"
        check_argument("the decoder's width", width, int, multiple, lambda n: n > 0 and not n % 4 and not n % num_heads)
        self.proj = nn.Linear(in_channels, width)
        self.mask_token = new_mask_token(width)
        self.blocks = nn.ModuleList(TransformerBlock(width, num_heads) for _ in range(depth))
        self.norm = nn.LayerNorm(width, eps=LAYER_NORM_EPS)
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
        cells = fill_in(self.proj(features.permute(0, 2, 3, 1)), visible, self.mask_token)
        grid = (cells.shape[1], cells.shape[2])
        x = cells.flatten(1, 2)  # (N, L, width)
        x = x + positions(grid, x.shape[2], x.device).to(x.dtype)
        for block in self.blocks:
            x = block(x)
        return self.norm(x).unflatten(1, grid)

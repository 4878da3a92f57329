"""Known gates in the place of GRN: table 2e of ConvNeXt V2 (arXiv 2301.00808).

Both reduce the channels to a sixteenth, which is usual and also what the paper's table shows: its base network grows by
20 million parameters.

Shape letters: N images, K visible cells of each, C channels.
"""

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cnxv2_mm.layouts.base import at_least_float32

if TYPE_CHECKING:
    from cnxv2_mm.layouts.base import Layout

REDUCTION = 16


class SqueezeExcitation(nn.Module):
    """Scale each channel of an image by a number in (0, 1) that two linear layers make of the means of all channels.

    Source: arXiv 1709.01507.

    Args:
        channels: Number of channels, C.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        reduced = max(1, channels // REDUCTION)
        self.fc1 = nn.Linear(channels, reduced)
        self.fc2 = nn.Linear(reduced, channels)

    def forward(self, x: Tensor, layout: "Layout") -> Tensor:
        """Scale the cells ``x``, (..., C), by their image, whose cells ``layout`` knows; the shape stays."""
        mean = layout.visible_cells(x).mean(dim=1, dtype=at_least_float32(x))  # (N, C)
        gate = self.fc2(F.relu(self.fc1(mean.to(self.fc1.weight.dtype)))).sigmoid()
        return x * layout.per_image(gate).to(x.dtype)


class CBAM(nn.Module):
    """Scale each channel of an image, then each cell, by a number in (0, 1).

    The number of a channel comes from the means and from the maxima of all channels over the image, by way of the same
    two linear layers; that of a cell from the mean and the maximum over its channels, by a 7 x 7 convolution to which
    hidden cells are zero.

    Source: arXiv 1807.06521, equations 2 and 3. What differs from its code: no batch normalisation behind the
    convolution, which the equations do not have either, and no biases of the linear layers (timm's has none).

    Args:
        channels: Number of channels, C.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        reduced = max(1, channels // REDUCTION)
        self.fc1 = nn.Linear(channels, reduced, bias=False)
        self.fc2 = nn.Linear(reduced, channels, bias=False)
        # Depthwise, which every layout can do: the sum of its two results is the convolution of both maps to one.
        self.conv = nn.Conv2d(2, 2, kernel_size=7, padding=3, groups=2, bias=False)

    def forward(self, x: Tensor, layout: "Layout") -> Tensor:
        """Scale the cells ``x``, (..., C), which ``layout`` knows; the shape stays."""
        cells = layout.visible_cells(x)  # (N, K, C)
        both = torch.stack((cells.mean(dim=1, dtype=at_least_float32(x)), cells.amax(dim=1).to(at_least_float32(x))))
        gate = self.fc2(F.relu(self.fc1(both.to(self.fc1.weight.dtype)))).sum(dim=0).sigmoid()  # (2, N, C) -> (N, C)
        x = x * layout.per_image(gate).to(x.dtype)
        maps = torch.cat((x.mean(dim=-1, keepdim=True), x.amax(dim=-1, keepdim=True)), dim=-1)  # (..., 2)
        return x * layout.depthwise(maps, self.conv).sum(dim=-1, keepdim=True).sigmoid().to(x.dtype)

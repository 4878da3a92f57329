"""Known normalisations in the place of GRN: table 2d of ConvNeXt V2 (arXiv 2301.00808).

The paper names them without details; each has the usual settings here, which its class names.
"""

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cnxv2_mm.layouts.base import at_least_float32

if TYPE_CHECKING:
    from cnxv2_mm.layouts.base import Layout


class LocalResponseNorm(nn.Module):
    """Divide each number by a power of the squares of the five channels around it: ``x / (2 + 1e-4 * sum) ** 0.75``.

    Source: section 3.3 of AlexNet (Krizhevsky et al. 2012), with its numbers. Each cell is normalised by itself.
    """

    def forward(self, x: Tensor, layout: "Layout") -> Tensor:
        """Normalise the cells ``x``, (..., C); the shape stays."""
        cells = x.to(at_least_float32(x)).reshape(-1, x.shape[-1], 1)
        # PyTorch takes the mean of the squares where AlexNet takes their sum.
        return F.local_response_norm(cells, size=5, alpha=5 * 1e-4, beta=0.75, k=2.0).view_as(x).to(x.dtype)


class BatchNorm(nn.Module):
    """Batch normalisation over the visible cells of all images of the batch.

    In training an image's result depends on the other images: the one exception to the promise of the layouts. In
    evaluation and in frozen stages the running statistics are used. With several processes each normalises its own
    images. Where ``with_cp`` computes a block again, the running statistics take a second step, as in any network with
    batch normalisation.

    Source: arXiv 1502.03167, with the settings of ``torch.nn.BatchNorm2d``: momentum 0.1, eps 1e-5.

    Args:
        channels: Number of channels, C.
    """

    weight: nn.Parameter  # (C,)
    bias: nn.Parameter  # (C,)
    running_mean: Tensor  # (C,)
    running_var: Tensor  # (C,)

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x: Tensor, layout: "Layout") -> Tensor:
        """Normalise the cells ``x``, (..., C), of which ``layout`` knows the visible ones; the shape stays."""
        mean, variance = self.running_mean, self.running_var
        if self.training:
            cells = layout.visible_cells(x).to(at_least_float32(x)).flatten(0, 1)
            variance, mean = torch.var_mean(cells, dim=0, correction=0)
            with torch.no_grad():
                unbiased = variance * (len(cells) / max(len(cells) - 1, 1))
                self.running_mean.lerp_(mean.to(self.running_mean.dtype), 0.1)
                self.running_var.lerp_(unbiased.to(self.running_var.dtype), 0.1)
        scale = self.weight * (variance + 1e-5).rsqrt()
        return ((x - mean) * scale + self.bias).to(x.dtype)


class LayerNorm(nn.Module):
    """Layer normalisation of each cell over its channels, with eps 1e-6 as elsewhere in the network.

    Args:
        channels: Number of channels, C.
    """

    weight: nn.Parameter  # (C,)
    bias: nn.Parameter  # (C,)

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor, layout: "Layout") -> Tensor:
        """Normalise the cells ``x``, (..., C); the shape stays."""
        return F.layer_norm(x, x.shape[-1:], self.weight, self.bias, eps=1e-6)

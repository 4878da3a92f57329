"""The two layers of a ConvNeXt V2 block that look at a whole image: GRN and stochastic depth.

Which cells belong to an image, the ``layout`` that they are given knows (``cnxv2_mm.layouts``).

Sources: GRN is Algorithm 1 of ConvNeXt V2 (arXiv 2301.00808); stochastic depth is arXiv 1603.09382 as in
facebookresearch/ConvNeXt-V2 @ 2553895. What differs from that code:

- GRN's ``gamma`` and ``beta`` are vectors, not (1, 1, 1, C), so that every "no weight decay on vectors" rule holds.
- GRN's statistics are taken per image and over visible cells, in float32 whatever the autocast type; the official
  sparse module sums over all images of the batch.
"""

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from cnxv2_mm.arguments import check_argument

if TYPE_CHECKING:
    from cnxv2_mm.layouts.base import Layout

GRN_EPS = 1e-6


def check_drop_path_rate(rate: object) -> None:
    """Raise a ``ValueError`` unless ``rate`` is a number in [0, 1)."""
    check_argument("drop_path_rate", rate, float, "a number in [0, 1)", lambda r: 0 <= r < 1)


class GRN(nn.Module):
    """Global response normalisation: ``gamma * (x * n) + beta + x``.

    ``n`` is the norm of a channel over the image, divided by the mean of the norms over channels (Algorithm 1; the
    sum in the paper's equation 2 differs by the number of channels, see its footnote 1).

    In a block whose modules nobody has hooked or replaced, :meth:`forward` is not called: the same arithmetic is done
    in ``cnxv2_mm/kernels/grn_mlp.py``, together with the layers around, and on a GPU by the programs in
    ``cnxv2_mm/kernels/gpu/``. Who changes one changes the others. Its variants and the baselines that the paper
    compares it with are in ``cnxv2_mm/feature_norms/``.

    Args:
        channels: Number of channels, C.
    """

    gamma: nn.Parameter  # (C,)
    beta: nn.Parameter  # (C,)

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(channels))
        self.beta = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor, layout: "Layout") -> Tensor:
        """Normalise the cells ``x``, (..., C), over each image, whose cells ``layout`` knows; the shape stays."""
        norm = layout.image_norm(x)  # one vector of C per image, float32, broadcastable to x
        relative = norm / (norm.mean(dim=-1, keepdim=True) + GRN_EPS)
        scale = 1 + self.gamma * relative
        return torch.addcmul(self.beta.to(x.dtype), x, scale.to(x.dtype))


class DropPath(nn.Module):
    """Stochastic depth: in training, the branch of an image becomes zero with probability ``rate``.

    Branches that stay are divided by ``1 - rate``, so that the expected value is the same.

    Args:
        rate: Probability of dropping, in [0, 1).

    Raises:
        ValueError: ``rate`` is outside that range.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        check_drop_path_rate(rate)
        self.rate = rate

    def forward(self, like: Tensor, layout: "Layout") -> Tensor | None:
        """Draw the factor of each image's branch: 0 to drop it, ``1 / (1 - rate)`` to keep it.

        Args:
            like: A tensor of the type and device of the branch.
            layout: Knows the images.

        Returns:
            The factors, broadcastable to the cells; None if they are all 1.
        """
        if not self.training or self.rate == 0.0:
            return None
        keep = like.new_empty(layout.num_images, 1).bernoulli_(1 - self.rate) / (1 - self.rate)
        return layout.per_image(keep)

    def extra_repr(self) -> str:
        return f"rate={self.rate:.3g}"

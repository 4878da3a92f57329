"""Dead and saturated channels of a layer: the two forms of feature collapse that figure 3 of ConvNeXt V2 shows.

Source: section 4 of arXiv 2301.00808: "many dead or saturated feature maps" in the hidden layer of the block's MLP. The
paper shows pictures and gives no threshold; these are ours. On one image a channel is

- dead, if no cell is larger in magnitude than 1 % of the root mean square of the whole layer on that image;
- saturated, if it is not dead but nearly constant: its deviation over the cells is at most 10 % of its mean's
  magnitude.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

DEAD_BELOW = 0.01
SATURATED_BELOW = 0.1


@dataclass(frozen=True)
class ActivityShares:
    """Shares of the channels of a layer, each in [0, 1].

    Attributes:
        dead: Mean over images of the share of dead channels.
        saturated: Mean over images of the share of saturated channels.
        always_dead: Share of the channels that were dead on every image.
    """

    dead: float
    saturated: float
    always_dead: float


class ChannelActivity:
    """Collects the shares over batches of images; it keeps two numbers and a vector of C, whatever their number."""

    def __init__(self) -> None:
        self._images = 0
        self._dead = 0.0
        self._saturated = 0.0
        self._always_dead: Tensor | None = None  # (C,)

    def update(self, cells: Tensor) -> None:
        """Add the cells of some images, (N, ..., C)."""
        x = cells.detach().flatten(1, -2).float()  # (N, M, C)
        scale = x.square().mean(dim=(1, 2)).sqrt().unsqueeze(1)  # (N, 1)
        dead = x.abs().amax(dim=1) <= DEAD_BELOW * scale  # (N, C)
        constant = x.std(dim=1, correction=0) <= SATURATED_BELOW * x.mean(dim=1).abs()
        self._images += len(x)
        self._dead += dead.float().mean(dim=1).sum().item()
        self._saturated += (constant & ~dead).float().mean(dim=1).sum().item()
        always = dead.all(dim=0)
        self._always_dead = always if self._always_dead is None else self._always_dead & always

    def compute(self) -> ActivityShares:
        """Return the shares over all images so far.

        Raises:
            ValueError: There were no images.
        """
        if self._always_dead is None or not self._images:
            raise ValueError("0 images were measured; the shares of dead and saturated channels need at least one")
        return ActivityShares(
            dead=self._dead / self._images,
            saturated=self._saturated / self._images,
            always_dead=torch.mean(self._always_dead.float()).item(),
        )

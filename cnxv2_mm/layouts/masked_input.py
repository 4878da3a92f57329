"""Masked images through the plain network: what the paper compares sparse convolution with (section 3).

Hidden pixels are zero, and that is all: every cell is computed, and visible ones read hidden ones, so that the mask
blurs from one convolution to the next. At the end hidden cells are zero, as the decoder finds them behind every layout.
The paper says no more than "without sparse convolution"; this is our reading.
"""

from torch import Tensor, nn

from cnxv2_mm.layouts.base import MaskedLayout
from cnxv2_mm.layouts.dense import Dense
from cnxv2_mm.masking import enlarge
from cnxv2_mm.variants import STEM_STRIDE


class MaskedInput(Dense, MaskedLayout):
    """All H x W cells of N images whose hidden pixels are zero; statistics are over all of them.

    Args:
        visible: Which cells are visible, (N, H, W) booleans.
    """

    def __init__(self, visible: Tensor) -> None:
        super().__init__(visible.shape[0], (visible.shape[1], visible.shape[2]))
        self.visible = visible.unsqueeze(-1)  # (N, H, W, 1)

    @classmethod
    def of_patches(cls, visible: Tensor, num_visible: int, patch_size: int) -> "MaskedInput":
        return cls(enlarge(visible, patch_size // STEM_STRIDE))

    def embed(self, images: Tensor, conv: nn.Conv2d) -> Tensor:
        seen = enlarge(self.visible.squeeze(-1), STEM_STRIDE).unsqueeze(1)  # (N, 1, 4H, 4W)
        return super().embed(images.masked_fill(~seen, 0.0), conv)

    def downsample(self, x: Tensor, conv: nn.Conv2d) -> tuple[Tensor, "MaskedInput"]:
        y, _ = super().downsample(x, conv)
        return y, type(self)(self.visible[:, ::2, ::2, 0])

    def to_dense(self, x: Tensor) -> Tensor:
        return x * self.visible

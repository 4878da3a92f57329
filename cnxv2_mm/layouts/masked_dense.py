"""Masked encoding in its most readable form: dense tensors and a multiplication wherever cells are read together.

This is what the paper's JAX code computes ("numerically identical to sparse convolution", TRAINING.md of
facebookresearch/ConvNeXt-V2 @ 2553895). Hidden cells hold numbers that come from biases; they are zeroed wherever a
visible cell could read them: before the depthwise convolution and in GRN's norm. The stem and the downsampling never
reach from one patch into another.

Being the specification, it uses PyTorch's own operations only, where the other layouts have faster ones.
"""

from torch import Tensor, nn

from cnxv2_mm.layouts.base import MaskedLayout
from cnxv2_mm.layouts.dense import Dense, convolve
from cnxv2_mm.masking import enlarge
from cnxv2_mm.variants import STEM_STRIDE


class MaskedDense(Dense, MaskedLayout):
    """All H x W cells of N images, of which only those marked in ``visible`` are ever read.

    Args:
        visible: Which cells are visible, (N, H, W) booleans.
    """

    is_batch_of_visible_cells = False  # hidden cells are in x too

    def __init__(self, visible: Tensor) -> None:
        super().__init__(visible.shape[0], (visible.shape[1], visible.shape[2]))
        self.visible = visible.unsqueeze(-1)  # (N, H, W, 1)

    @classmethod
    def of_patches(cls, visible: Tensor, num_visible: int, patch_size: int) -> "MaskedDense":
        return cls(enlarge(visible, patch_size // STEM_STRIDE))

    def embed(self, images: Tensor, conv: nn.Conv2d) -> Tensor:
        seen = enlarge(self.visible.squeeze(-1), STEM_STRIDE).unsqueeze(1)  # (N, 1, 4H, 4W)
        return super().embed(images.masked_fill(~seen, 0.0), conv)

    def depthwise(self, x: Tensor, conv: nn.Conv2d) -> Tensor:
        return convolve(x * self.visible, conv)

    def downsample(self, x: Tensor, conv: nn.Conv2d) -> tuple[Tensor, "MaskedDense"]:
        y, _ = super().downsample(x, conv)
        return y, MaskedDense(self.visible[:, ::2, ::2, 0])

    def image_norm(self, x: Tensor) -> Tensor:
        return super().image_norm(x * self.visible)

    def visible_cells(self, x: Tensor) -> Tensor:
        return x[self.visible.squeeze(-1)].unflatten(0, (self.num_images, -1))

    def to_dense(self, x: Tensor) -> Tensor:
        return x * self.visible

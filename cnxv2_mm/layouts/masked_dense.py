"""Masked encoding in its most readable form: dense tensors and a multiplication wherever cells are read together.

This is what the paper's JAX code computes ("numerically identical to sparse convolution", TRAINING.md of
facebookresearch/ConvNeXt-V2 @ 2553895). Hidden cells hold numbers that come from biases; they are zeroed wherever a
visible cell could read them: before the depthwise convolution and in GRN's norm. The stem and the downsampling never
reach from one patch into another.

Being the specification, it uses PyTorch's own operations only, where the other layouts have faster ones.
"""

from torch import Tensor, nn

from cnxv2_mm.layouts.dense import convolve
from cnxv2_mm.layouts.masked_input import MaskedInput


class MaskedDense(MaskedInput):
    """All H x W cells of N images, of which only those marked in ``visible`` are ever read.

    Args:
        visible: Which cells are visible, (N, H, W) booleans.
    """

    is_batch_of_visible_cells = False  # hidden cells are in x too

    def depthwise(self, x: Tensor, conv: nn.Conv2d) -> Tensor:
        return convolve(x * self.visible, conv)

    def image_norm(self, x: Tensor) -> Tensor:
        return super().image_norm(x * self.visible)

    def visible_cells(self, x: Tensor) -> Tensor:
        return x[self.visible.squeeze(-1)].unflatten(0, (self.num_images, -1))

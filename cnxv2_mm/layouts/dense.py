"""Every cell of every image: the plain backbone.

x is (N, H, W, C) and contiguous, so that its (N, C, H, W) view is what PyTorch calls channels last: convolutions run
on the view without a copy, and everything pointwise runs on the innermost dimension.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cnxv2_mm.kernels import depthwise, may_bypass
from cnxv2_mm.layouts.base import Layout, at_least_float32
from cnxv2_mm.variants import STEM_STRIDE


def convolve(x: Tensor, conv: nn.Conv2d) -> Tensor:
    """Apply ``conv`` to (N, H, W, C) cells by way of their channels-last view."""
    return conv(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1).contiguous()


class Dense(Layout):
    """All H x W cells of N images.

    Args:
        num_images: Number of images, N.
        size: (H, W), the cells down and across an image.
    """

    is_batch_of_visible_cells = True

    def __init__(self, num_images: int, size: tuple[int, int]) -> None:
        self.num_images = num_images
        self.size = size

    @classmethod
    def of(cls, images: Tensor) -> "Dense":
        """Return the layout of the first stage for (N, C, height, width) images.

        Incomplete cells at the edge are left out.
        """
        return cls(images.shape[0], (images.shape[2] // STEM_STRIDE, images.shape[3] // STEM_STRIDE))

    def embed(self, images: Tensor, conv: nn.Conv2d) -> Tensor:
        if not may_bypass((conv, nn.Conv2d)):
            return conv(images).permute(0, 2, 3, 1).contiguous()  # (N, C, H, W) -> (N, H, W, C)
        # A non-overlapping convolution is one matrix product over blocks of pixels, laid out as the weight is.
        height, width = self.size[0] * STEM_STRIDE, self.size[1] * STEM_STRIDE
        blocks = images[:, :, :height, :width].unfold(2, STEM_STRIDE, STEM_STRIDE).unfold(3, STEM_STRIDE, STEM_STRIDE)
        blocks = blocks.permute(0, 2, 3, 1, 4, 5).flatten(3)  # (N, C, H, W, 4, 4) -> (N, H, W, 16C)
        return F.linear(blocks, conv.weight.flatten(1), conv.bias)

    def depthwise(self, x: Tensor, conv: nn.Conv2d) -> Tensor:
        if not may_bypass((conv, nn.Conv2d)):
            return convolve(x, conv)
        padding = int(conv.padding[0])  # a number: the backbone never asks for padding='same'
        return depthwise(x, conv.weight, conv.bias, padding, conv.dilation[0])

    def downsample(self, x: Tensor, conv: nn.Conv2d) -> tuple[Tensor, "Dense"]:
        if conv.stride == (1, 1):  # a dilated backbone: zeros behind the last row and column keep the size
            reach = conv.dilation[0]
            return convolve(F.pad(x, (0, 0, 0, reach, 0, reach)), conv), self
        return convolve(x, conv), Dense(self.num_images, (self.size[0] // 2, self.size[1] // 2))

    def image_norm(self, x: Tensor) -> Tensor:
        return torch.linalg.vector_norm(x, dim=(1, 2), keepdim=True, dtype=at_least_float32(x))

    def visible_cells(self, x: Tensor) -> Tensor:
        return x.flatten(1, 2)

    def per_image(self, values: Tensor) -> Tensor:
        return values[:, None, None]

    def to_dense(self, x: Tensor) -> Tensor:
        return x

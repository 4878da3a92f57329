"""What a network asks of a layout: :class:`Layout`, and :class:`MaskedLayout` for those that hide patches.

Promises that every layout keeps, and that ``tests/layouts/contract.py`` checks:

- hidden pixels change nothing, whatever is in them;
- an image's result does not depend on the other images of its batch;
- with every patch visible the result is that of the dense backbone;
- all layouts compute the same numbers, forward and backward, to floating-point rounding. The exception is
  ``masked_input``, made to show what becomes of the network without this: to it every cell counts as visible.

A layout describes one resolution; :meth:`Layout.downsample` returns the next one. What it stores at hidden cells, if
anything, is its own affair, as long as no visible cell ever reads it.
"""

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor, nn


def at_least_float32(x: Tensor) -> torch.dtype:
    """Return the type in which to sum the squares of ``x``: half-precision sums overflow or lose small terms."""
    return torch.promote_types(x.dtype, torch.float32)


class Layout(ABC):
    """The cells of N images' feature maps at one resolution: H x W of them in each image, some of them hidden.

    In what follows x is the tensor of cells, of whatever shape the layout gives it, with C channels in the last
    dimension.

    Attributes:
        num_images: Number of images, N.
        size: (H, W), hidden cells counted in.
        is_batch_of_visible_cells: Whether x is (N, ..., C) with all the visible cells of one image in each row and
            nothing else. A sum over an image's visible cells is then a sum over the dimensions in the middle, and the
            fused operations of ``cnxv2_mm.kernels`` take x as it is. False where x holds hidden cells that do not
            count, too, or is not divided into images.
    """

    num_images: int
    size: tuple[int, int]
    is_batch_of_visible_cells: ClassVar[bool]

    @abstractmethod
    def embed(self, images: Tensor, conv: nn.Conv2d) -> Tensor:
        """Apply the stem's 4 x 4 convolution of stride 4 to (N, C, 4H, 4W) images and store the cells."""

    @abstractmethod
    def depthwise(self, x: Tensor, conv: nn.Conv2d) -> Tensor:
        """Apply a depthwise convolution of stride 1 to which hidden cells and those outside the image are zero."""

    @abstractmethod
    def downsample(self, x: Tensor, conv: nn.Conv2d) -> tuple[Tensor, "Layout"]:
        """Apply a 2 x 2 convolution; return the new cells and their layout.

        Its stride is 2. Only the dense layout also takes 1, that of a dilated backbone, where each cell sees itself
        and those ``dilation`` to the right and below: what it reads at stride 2 and half the resolution.
        """

    @abstractmethod
    def image_norm(self, x: Tensor) -> Tensor:
        """Return the L2 norm of each channel over an image's visible cells, in float32 or better.

        Its shape broadcasts to x.
        """

    @abstractmethod
    def visible_cells(self, x: Tensor) -> Tensor:
        """Return the visible cells of each image, (N, K, C): what any other statistic of an image is taken over."""

    @abstractmethod
    def per_image(self, values: Tensor) -> Tensor:
        """Give (N, C) or (N, 1) values a shape that broadcasts to x: those of an image reach all of its cells."""

    @abstractmethod
    def to_dense(self, x: Tensor) -> Tensor:
        """Return the cells as an (N, H, W, C) map, zero where hidden."""


class MaskedLayout(Layout):
    """A layout that hides patches of the images."""

    @classmethod
    @abstractmethod
    def of_patches(cls, visible: Tensor, num_visible: int, patch_size: int) -> "MaskedLayout":
        """Return the layout of the first stage for images of which some patches are visible.

        Args:
            visible: (N, h, w) booleans, ``num_visible`` of them True in each image.
            num_visible: Number of visible patches in each image, at least 1.
            patch_size: Pixels along the side of a patch, a multiple of 32.

        Raises:
            ValueError: The layout cannot be used on the device of ``visible``.
        """

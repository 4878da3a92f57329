"""What a network asks of a layout.

Promises that every layout keeps, and that ``tests/layouts/contract.py`` checks:

- hidden pixels change nothing, whatever is in them;
- an image's result does not depend on the other images of its batch;
- with every patch visible the result is that of the dense backbone;
- all layouts compute the same numbers, forward and backward, to floating-point rounding.

A layout describes one resolution; :meth:`Layout.downsample` returns the next one. What it stores at hidden cells, if
anything, is its own affair, as long as no visible cell ever reads it.
"""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn


def at_least_float32(x: Tensor) -> torch.dtype:
    """Return the type in which to sum the squares of ``x``: half-precision sums overflow or lose small terms."""
    return torch.promote_types(x.dtype, torch.float32)


class Layout(ABC):
    """The cells of N images' feature maps at one resolution: H x W of them in each image, some of them hidden.

    Attributes:
        num_images: N.
        size: (H, W), hidden cells counted in.
        only_visible: Whether x is (N, ..., C) and nothing but visible cells is in it, so that an operation over all
            cells of an image may take x as it is.
    """

    num_images: int
    size: tuple[int, int]
    only_visible: bool

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
    def per_image(self, values: Tensor) -> Tensor:
        """Give (N,) values a shape that broadcasts to x, each reaching all cells of its image."""

    @abstractmethod
    def to_dense(self, x: Tensor) -> Tensor:
        """Return the cells as an (N, H, W, C) map, zero where hidden."""

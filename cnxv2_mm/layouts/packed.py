"""The visible cells alone, next to each other.

Everything but the depthwise convolution works on visible cells alone, and only visible cells are kept for the backward
pass. So does the depthwise convolution where our Triton kernels run (:mod:`cnxv2_mm.kernels.dispatch`): on GPUs.
Elsewhere it writes the cells into the full map of zeros, convolves all of it, and reads them back.

Because whole patches are hidden and every image keeps the same number of them, the M visible cells of N images form a
rectangular (N, M, C) tensor: no ragged batches, no question to the device how many there are.

The order of the cells makes downsampling a reshape: the four children of a cell follow one another (the two of its
upper row, then the two of its lower row), at every stage, down from the cells of the last one
(``cnxv2_mm/kernels/tiles.py``). So the 2 x 2 convolution of stride 2 is ``reshape(N, M / 4, 4C)`` and a matrix product.
Only the depthwise convolution has to know where a cell lies.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cnxv2_mm.kernels import may_bypass, packed_depthwise
from cnxv2_mm.kernels.dispatch import device_runs_triton, runs_triton
from cnxv2_mm.kernels.rows import scatter_rows
from cnxv2_mm.kernels.tile_depthwise import fits, tile_depthwise
from cnxv2_mm.kernels.tiles import Tiles
from cnxv2_mm.layouts.base import MaskedLayout, at_least_float32
from cnxv2_mm.layouts.dense import convolve
from cnxv2_mm.masking import split_patches
from cnxv2_mm.variants import LAST_STRIDE, STEM_STRIDE


class Packed(MaskedLayout):
    """The M visible cells of each of N images.

    Args:
        tiles: Which cells of the last stage are visible, and how many cells of this stage lie in each.
    """

    is_batch_of_visible_cells = True

    def __init__(self, tiles: Tiles) -> None:
        self.tiles = tiles
        self.num_images, h, w = tiles.numbers.shape
        self.size = (h * tiles.side, w * tiles.side)
        # The kernels for GPUs know the cells by their tiles, and seldom need their places.
        self._places = None if device_runs_triton(tiles.numbers.device) else tiles.places()

    @classmethod
    def of_patches(cls, visible: Tensor, num_visible: int, patch_size: int) -> "Packed":
        n, h, w = visible.shape
        position, _ = split_patches(visible, num_visible)
        side = patch_size // LAST_STRIDE
        if side > 1:
            inside = torch.arange(side, device=visible.device)
            row = (position // w * side).view(n, -1, 1, 1) + inside.unsqueeze(1)  # (N, K, side, 1)
            column = (position % w * side).view(n, -1, 1, 1) + inside
            position = (row * (w * side) + column).flatten(1)  # (N, K * side * side): the last stage's cells
        return cls(Tiles.of_positions(position, (h * side, w * side)))

    @property
    def places(self) -> Tensor:
        """Where the cells are, (N * M,) positions among all N * H * W, the first image's, then the second's, ..."""
        return self.tiles.places() if self._places is None else self._places

    def embed(self, images: Tensor, conv: nn.Conv2d) -> Tensor:
        _, h, w = self.tiles.numbers.shape
        halvings = (2, 2, 2, STEM_STRIDE)
        blocks = images.unflatten(3, (w, *halvings)).unflatten(2, (h, *halvings))
        # (N, C, h, 2, 2, 2, 4, w, 2, 2, 2, 4) -> (N, h, w, 2, 2, 2, 2, 2, 2, C, 4, 4)
        blocks = blocks.permute(0, 2, 7, 3, 8, 4, 9, 5, 10, 1, 6, 11)
        image = torch.arange(self.num_images, device=images.device).unsqueeze(1)
        position = self.tiles.positions
        seen = blocks[image, position // w, position % w].flatten(8).flatten(1, 7)  # (N, M, 16C)
        return F.linear(seen, conv.weight.flatten(1), conv.bias)

    def depthwise(self, x: Tensor, conv: nn.Conv2d) -> Tensor:
        if may_bypass((conv, nn.Conv2d)):
            if runs_triton(x) and fits(conv):
                return tile_depthwise(x, self.tiles, conv.weight, conv.bias)
            size = (self.num_images, *self.size)
            return packed_depthwise(x.flatten(0, 1), self.places, size, conv.weight, conv.bias).view_as(x)
        y = convolve(self.to_dense(x), conv)
        return y.flatten(0, 2).index_select(0, self.places).view_as(x)

    def downsample(self, x: Tensor, conv: nn.Conv2d) -> tuple[Tensor, "Packed"]:
        n, cells, channels = x.shape
        weight = conv.weight.permute(0, 2, 3, 1).flatten(1)  # (out, in, 2, 2) -> (out, 4 * in), children outermost
        y = F.linear(x.reshape(n, cells // 4, 4 * channels), weight, conv.bias)
        return y, Packed(self.tiles.halved())

    def image_norm(self, x: Tensor) -> Tensor:
        return torch.linalg.vector_norm(x, dim=1, keepdim=True, dtype=at_least_float32(x))

    def visible_cells(self, x: Tensor) -> Tensor:
        return x

    def per_image(self, values: Tensor) -> Tensor:
        return values.unsqueeze(1)

    def to_dense(self, x: Tensor) -> Tensor:
        return scatter_rows(x.flatten(0, 1), self.places, (self.num_images, *self.size))

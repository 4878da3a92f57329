"""The visible cells alone, next to each other.

Everything but the depthwise convolution works on visible cells alone, and only visible cells are kept for the backward
pass. So does the depthwise convolution where our Triton kernels run (:mod:`cnxv2_mm.kernels.dispatch`): on GPUs.
Elsewhere it writes the cells into the full map of zeros, convolves all of it, and reads them back.

Because whole patches are hidden and every image keeps the same number of them, the M visible cells of N images form a
rectangular (N, M, C) tensor: no ragged batches, no question to the device how many there are.

The order of the cells makes downsampling a reshape: the four children of a cell follow one another (the two of its
upper row, then the two of its lower row), at every stage, down from the cells of the last one. So the 2 x 2
convolution of stride 2 is ``reshape(N, M / 4, 4C)`` and a matrix product. Only the depthwise convolution has to know
where a cell lies.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cnxv2_mm.kernels import may_bypass, packed_depthwise
from cnxv2_mm.kernels.depthwise import scatter_rows
from cnxv2_mm.kernels.dispatch import runs_triton
from cnxv2_mm.kernels.tile_depthwise import Tiles, fits, tile_depthwise
from cnxv2_mm.layouts.base import MaskedLayout, at_least_float32
from cnxv2_mm.layouts.dense import convolve
from cnxv2_mm.masking import split_patches
from cnxv2_mm.variants import LAST_STRIDE, NUM_STAGES, STEM_STRIDE


def _children(cells: Tensor) -> Tensor:
    """Return rows and columns, (N, 4M, 2), of the four cells inside each of (N, M, 2), at twice the resolution."""
    corners = torch.cartesian_prod(*[torch.arange(2, device=cells.device)] * 2)  # (4, 2)
    return (cells.unsqueeze(2) * 2 + corners).flatten(1, 2)


class Packed(MaskedLayout):
    """The M visible cells of each of N images.

    Args:
        places: Where the cells are, for this stage and each later one: (N * M,) positions among all N * H * W cells of
            that stage, the first image's, then the second's, and so on.
        num_images: Number of images, N.
        size: (H, W) of this stage, hidden cells counted in.
        tiles: Where the cells are, tile by tile, if our Triton kernels run on their device.
    """

    is_batch_of_visible_cells = True

    def __init__(
        self, places: list[Tensor], num_images: int, size: tuple[int, int], tiles: Tiles | None = None
    ) -> None:
        self.places = places
        self.num_images = num_images
        self.size = size
        self.tiles = tiles

    @classmethod
    def of_patches(cls, visible: Tensor, num_visible: int, patch_size: int) -> "Packed":
        n, h, w = visible.shape
        position, _ = split_patches(visible, num_visible)
        side = patch_size // LAST_STRIDE
        corner = torch.stack((position // w, position % w), dim=-1).unsqueeze(2) * side  # (N, K, 1, 2)
        inside = torch.cartesian_prod(*[torch.arange(side, device=visible.device)] * 2)  # (side * side, 2)
        cells = (corner + inside.view(-1, 2)).flatten(1, 2)  # (N, K * side * side, 2): the last stage's cells
        size = (h * side, w * side)
        image = torch.arange(n, device=visible.device).unsqueeze(1)
        has_triton = runs_triton(visible.new_empty(0, dtype=torch.float32))
        tiles = Tiles.of_positions(cells[..., 0] * size[1] + cells[..., 1], size) if has_triton else None
        places = []
        for stage in reversed(range(NUM_STAGES)):
            places.append(((image * size[0] + cells[..., 0]) * size[1] + cells[..., 1]).flatten())
            if stage:
                cells, size = _children(cells), (size[0] * 2, size[1] * 2)
        return cls(places[::-1], n, size, tiles)

    def embed(self, images: Tensor, conv: nn.Conv2d) -> Tensor:
        height, width = self.size
        blocks = images.unflatten(3, (width, STEM_STRIDE)).unflatten(2, (height, STEM_STRIDE))  # (N, C, H, 4, W, 4)
        blocks = blocks.permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(0, 2)  # (NHW, 16C)
        seen = blocks.index_select(0, self.places[0]).unflatten(0, (self.num_images, -1))
        return F.linear(seen, conv.weight.flatten(1), conv.bias)

    def depthwise(self, x: Tensor, conv: nn.Conv2d) -> Tensor:
        rows, size = x.flatten(0, 1), (self.num_images, *self.size)
        if may_bypass((conv, nn.Conv2d)):
            if self.tiles is not None and runs_triton(x) and fits(conv):
                return tile_depthwise(x, self.tiles, conv.weight, conv.bias)
            return packed_depthwise(rows, self.places[0], size, conv.weight, conv.bias).view_as(x)
        y = convolve(self.to_dense(x), conv)
        return y.flatten(0, 2).index_select(0, self.places[0]).view_as(x)

    def downsample(self, x: Tensor, conv: nn.Conv2d) -> tuple[Tensor, "Packed"]:
        n, cells, channels = x.shape
        weight = conv.weight.permute(0, 2, 3, 1).flatten(1)  # (out, in, 2, 2) -> (out, 4 * in), children outermost
        y = F.linear(x.reshape(n, cells // 4, 4 * channels), weight, conv.bias)
        tiles = None if self.tiles is None else self.tiles.halved()
        return y, Packed(self.places[1:], n, (self.size[0] // 2, self.size[1] // 2), tiles)

    def image_norm(self, x: Tensor) -> Tensor:
        return torch.linalg.vector_norm(x, dim=1, keepdim=True, dtype=at_least_float32(x))

    def visible_cells(self, x: Tensor) -> Tensor:
        return x

    def per_image(self, values: Tensor) -> Tensor:
        return values.unsqueeze(1)

    def to_dense(self, x: Tensor) -> Tensor:
        return scatter_rows(x.flatten(0, 1), self.places[0], (self.num_images, *self.size))

"""Where the cells of visible patches lie, if those of a patch are stored one after another.

The visible cells of an image are T tiles, one for each visible cell of the last stage, of S x S cells each: 8 x 8 at
the first stage, then 4 x 4, 2 x 2 and 1. The cells of a tile are in Morton order: the four children of a cell follow
one another, at every level.

Shape letters: N images, T tiles each, h x w places for tiles, S x S cells of a tile.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

FIRST_SIDE = 8  # of a tile, in cells of the first stage


@dataclass(frozen=True, eq=False)
class Tiles:
    """Where the visible tiles of N images lie.

    Args:
        side: Cells on a side of a tile, S: 8, 4, 2 or 1.
        numbers: Which of the T tiles of its image lies at each place, (N, h, w), int32; -1 where it is hidden.
        positions: At which of the h * w places of its image each tile lies, (N, T), int32.
    """

    side: int
    numbers: Tensor
    positions: Tensor

    @classmethod
    def of_positions(cls, positions: Tensor, size: tuple[int, int]) -> "Tiles":
        """Return the tiles of the first stage.

        Args:
            positions: At which of the h * w places of its image each tile lies, (N, T).
            size: (h, w).
        """
        (n, t), (h, w) = positions.shape, size
        numbers = torch.full((n, h * w), -1, dtype=torch.int32, device=positions.device)
        tile = torch.arange(t, dtype=torch.int32, device=positions.device).expand(n, t)
        return cls(FIRST_SIDE, numbers.scatter(1, positions, tile).view(n, h, w), positions.int())

    def halved(self) -> "Tiles":
        """Return the same tiles at the next stage."""
        return Tiles(self.side // 2, self.numbers, self.positions)

    def places(self) -> Tensor:
        """Return where each cell lies among those of the maps of all images, (N * T * S * S,)."""
        n, h, w = self.numbers.shape
        side = self.side
        cell = torch.arange(side * side, device=self.positions.device)
        row, column = (sum((cell >> 2 * bit + odd & 1) << bit for bit in range(3)) for odd in (1, 0))
        position = self.positions.long().unsqueeze(2)
        image = torch.arange(n, device=cell.device).view(n, 1, 1)
        # In the maps of all images below one another: (N, T, 1) + (S * S,)
        corner = (image * h + position // w) * (side * side * w) + position % w * side
        return (corner + row * (w * side) + column).flatten()

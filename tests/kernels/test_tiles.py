"""Tiles of cells, against an order that is written down by hand."""

import pytest
import torch

from cnxv2_mm.kernels.tiles import Tiles


def tiles_of(positions, size, side):
    tiles = Tiles.of_positions(torch.tensor(positions), size)
    while tiles.side > side:
        tiles = tiles.halved()
    return tiles


def halve(top, left, side):
    """Rows and columns of the cells of a square, in quarters: upper left, upper right, lower left, lower right."""
    if side == 1:
        return [(top, left)]
    half = side // 2
    quarters = [(top, left), (top, left + half), (top + half, left), (top + half, left + half)]
    return [cell for quarter in quarters for cell in halve(*quarter, half)]


@pytest.mark.parametrize("side", [8, 4, 2, 1])
def test_cells_are_stored_tile_by_tile_in_quarters(side):
    positions, (h, w) = [[5, 0, 2], [1, 4, 3]], (2, 3)
    expected = [
        (image * h * side + row) * w * side + column
        for image, tiles in enumerate(positions)
        for position in tiles
        for row, column in halve(position // w * side, position % w * side, side)
    ]
    assert tiles_of(positions, (h, w), side).places().tolist() == expected


def test_the_table_says_which_tile_lies_where():
    tiles = tiles_of([[5, 0], [1, 3]], (2, 3), 8)
    assert tiles.numbers.tolist() == [[[1, -1, -1], [-1, -1, 0]], [[-1, 0, -1], [1, -1, -1]]]
    assert tiles.positions.tolist() == [[5, 0], [1, 3]]
    assert tiles.numbers.dtype == tiles.positions.dtype == torch.int32

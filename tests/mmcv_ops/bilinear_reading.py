"""The definition of a bilinear sample, an oracle of the operators that read maps at places between cells."""

import math


def bilinear(plane, y, x):
    """Value of a map at a point: cells count as points at integers; a cell or more outside there is nothing."""
    height, width = plane.shape
    if not (-1 <= y <= height and -1 <= x <= width):
        return plane.new_zeros(())
    y, x = min(max(y, 0), height - 1), min(max(x, 0), width - 1)
    top, left = math.floor(y), math.floor(x)
    value = plane.new_zeros(())
    for row, row_weight in ((top, 1 - (y - top)), (top + 1, y - top)):
        for column, column_weight in ((left, 1 - (x - left)), (left + 1, x - left)):
            if row_weight * column_weight:
                value = value + plane[row, column] * (row_weight * column_weight)
    return value

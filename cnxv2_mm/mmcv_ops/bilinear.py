"""Which cells of a map a bilinear sample reads, and how much of each: mmcv's rule for all its RoI operators."""

from torch import Tensor


def bilinear_corners(y: Tensor, x: Tensor, height: int, width: int) -> list[tuple[Tensor, Tensor, Tensor]]:
    """Return rows, columns and weights of the four cells around each sample.

    The weights are zero where a sample lies more than a cell outside of the map.

    Args:
        y: Row coordinates of the samples, 0 at the centre of the first row; any shape.
        x: Column coordinates; a shape that broadcasts with that of ``y``.
        height: Rows of the map.
        width: Columns of the map.
    """
    inside = (y >= -1) & (y <= height) & (x >= -1) & (x <= width)
    y, x = y.clamp(0, height - 1), x.clamp(0, width - 1)
    top, left = y.floor(), x.floor()
    down, right = y - top, x - left
    top, left = top.long(), left.long()
    bottom, beyond = (top + 1).clamp(max=height - 1), (left + 1).clamp(max=width - 1)
    return [
        (top, left, (1 - down) * (1 - right) * inside),
        (top, beyond, (1 - down) * right * inside),
        (bottom, left, down * (1 - right) * inside),
        (bottom, beyond, down * right * inside),
    ]

"""From a small mask inside of a box to the pixels of a picture."""

import torch
from torch import Tensor


def paste(masks: Tensor, boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Interpolate masks, which lie in boxes, at the pixels of a picture.

    Bilinear interpolation is the same along each axis: two matrix products give it, for all boxes at once. A grid of
    places for ``grid_sample``, as mmdet has it, would need twice the memory of the result.

    Source: mmdet 3.3.0, ``_do_paste_mask`` of ``mask_heads/fcn_mask_head.py``, as it is on a CPU: a mask ends one pixel
    outside of its box.

    Args:
        masks: (K, rows, columns) float32, 0 to 1.
        boxes: (K, 4): x1, y1, x2, y2 in pixels.
        size: Height and width of the picture, in pixels.

    Returns:
        (K, height, width) float32.
    """
    with torch.autocast("cpu", enabled=False):
        rows = _weights(boxes[:, 1], boxes[:, 3], masks.shape[1], size[0])  # (K, height, rows)
        columns = _weights(boxes[:, 0], boxes[:, 2], masks.shape[2], size[1])  # (K, width, columns)
        return rows @ masks @ columns.transpose(1, 2)


def _weights(first: Tensor, last: Tensor, cells: int, pixels: int) -> Tensor:
    """Return how much of each cell of a mask is in each pixel along one axis, (K, pixels, cells)."""
    first, last = first[:, None], last[:, None]  # (K, 1)
    pixel = torch.arange(pixels, device=first.device)
    inside = (pixel >= first.floor() - 1) & (pixel < last.ceil() + 1)
    length = last - first
    flat = length == 0  # has no inside: the middle of the mask is taken
    place = torch.where(flat, 0.5, (pixel + 0.5 - first) / torch.where(flat, 1, length)) * cells - 0.5
    cell = torch.arange(cells, device=first.device)
    weights = (1 - (place[:, :, None] - cell).abs()).clamp(min=0)
    return weights * inside[:, :, None]

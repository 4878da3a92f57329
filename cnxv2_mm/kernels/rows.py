"""Some rows of many, each at a place of its own: write them there, and take them from there.

PyTorch's indexing allows a place twice. Its gradient therefore sorts the places, or adds up in an order that changes
from run to run. Here no place comes twice.
"""

from typing import Any

import torch
from torch import Tensor


def scatter_rows(rows: Tensor, places: Tensor, size: tuple[int, ...]) -> Tensor:
    """Write rows to their places among rows of zeros.

    Args:
        rows: The rows, (R, ...).
        places: Where each belongs among all, (R,); no place twice.
        size: The dimensions that all rows together have, such as (N, H, W) for those of maps.

    Returns:
        All rows, (*size, ...).
    """
    count = 1
    for length in size:
        count *= length
    return rows.new_zeros(count, *rows.shape[1:]).index_copy_(0, places, rows).unflatten(0, size)


def take_rows(rows: Tensor, places: Tensor) -> Tensor:
    """Take the rows at ``places``, (R,), no place twice, from all rows, (S, ...): (R, ...)."""
    return _TakeRows.apply(rows, places)


class _TakeRows(torch.autograd.Function):
    """See :func:`take_rows`."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, places: Tensor) -> Tensor:
        ctx.save_for_backward(places)
        ctx.count = rows.shape[0]
        return rows.index_select(0, places)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        (places,) = ctx.saved_tensors
        return scatter_rows(grad, places, (ctx.count,)), None

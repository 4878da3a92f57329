"""Average pooling to a number of bins, as matrix products: ONNX has no operation for it, PSPNet and UperNet need it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode


class _AveragePoolingAsProducts(TorchFunctionMode):
    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is F.adaptive_avg_pool2d:
            return average_pool(*args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))


@contextmanager
def recordable_average_pooling() -> Iterator[None]:
    """Have ``torch.nn.AdaptiveAvgPool2d`` run as :func:`average_pool`, so that it can be recorded for any size.

    To be entered inside of the ``forward`` that is exported.
    """
    with _AveragePoolingAsProducts():
        yield


def average_pool(input: Tensor, output_size: int | tuple[int | None, int | None] | None) -> Tensor:
    """Compute ``torch.nn.functional.adaptive_avg_pool2d`` for maps of any size.

    Args:
        input: (N, C, H, W).
        output_size: Number of bins down and across; None for as many as there are cells.

    Returns:
        (N, C, bins down, bins across), the average over the cells of each bin, taken in float32.
    """
    down, across = output_size if isinstance(output_size, tuple | list) else (output_size, output_size)
    dtype = input.dtype
    with torch.autocast("cpu", enabled=False):
        x = input.float()
        if down is not None:
            x = _bins(x.shape[2], down, x) @ x
        if across is not None:
            x = x @ _bins(x.shape[3], across, x).t()
    return x.to(dtype)


def _bins(cells: int, number: int, like: Tensor) -> Tensor:
    """Return the share of each cell in the average of each bin, (number, cells).

    Bin i reaches from cell floor(i * cells / number) to cell ceil((i + 1) * cells / number), that one not included.
    """
    bins = torch.arange(number, device=like.device)[:, None]
    first = bins * cells // number
    last = ((bins + 1) * cells + number - 1) // number
    place = torch.arange(cells, device=like.device)
    inside = (first <= place) & (place < last)  # (number, cells)
    return inside.to(like.dtype) / (last - first)

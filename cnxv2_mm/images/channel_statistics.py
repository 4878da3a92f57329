"""Mean and standard deviation of each channel over many images."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

# Of a larger image, rows and columns at equal distances are taken, so that about so many remain each way.
_SIDE = 256


class Moments(NamedTuple):
    """The first two moments of each channel of one image, (C,) float64."""

    mean: Tensor
    mean_square: Tensor


def moments_of(image: Tensor) -> Moments:
    """Return the moments of an image, (C, height, width), of its pixels at equal distances."""
    step = max(1, min(image.shape[1:]) // _SIDE)
    values = image[:, ::step, ::step].flatten(1).double()
    return Moments(values.mean(dim=1), values.square().mean(dim=1))


def channel_statistics(moments: Sequence[Moments], channels: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and standard deviation of each channel over images, each of which counts the same.

    Args:
        moments: Those of each image; of one with a single channel it stands for all channels.
        channels: Number of channels.

    Returns:
        The means and the deviations, in the unit of the images. A channel that is the same everywhere has the
        deviation 1, by which a normalisation can divide.
    """
    mean = torch.stack([one.mean.expand(channels) for one in moments]).mean(dim=0)
    square = torch.stack([one.mean_square.expand(channels) for one in moments]).mean(dim=0)
    variance = square - mean.square()
    flat = variance <= 1e-12 * square
    std = torch.where(flat, torch.ones_like(variance), variance.clamp(min=0).sqrt())
    return tuple(mean.tolist()), tuple(std.tolist())

"""A stem for images of any number of channels, made from the stem of a file for three, where a user asks for it."""

import torch
from torch import Tensor

from cnxv2_mm.checkpoints.translate import Translation

STEM = "backbone.downsample_layers.0.0.weight"
RGB = 3


def inflate(weight: Tensor, in_channels: int) -> Tensor:
    """Spread the convolution of a stem from three input channels over another number of them.

    Its channels are repeated in their order, R, G, B, R, ..., as often as need be, and divided so that the sum over
    the input channels keeps its size. For one channel they are summed: a grey image then gives what the same image in
    three equal channels gave. Source: timm 1.0.31, ``adapt_input_conv`` (models/_manipulate.py).

    Args:
        weight: (C, 3, height, width).
        in_channels: How many channels it shall have.

    Returns:
        (C, in_channels, height, width), in float32 or better: sums of float16 numbers may be beyond float16.
    """
    weight = weight.to(torch.promote_types(weight.dtype, torch.float32))
    if in_channels == 1:
        return weight.sum(dim=1, keepdim=True)
    repeated = weight.repeat(1, -(-in_channels // RGB), 1, 1)[:, :in_channels]
    return repeated * (RGB / in_channels)


def settle_stem(stem: str | None, own: Translation, file: Translation) -> str:
    """Do what ``stem`` of :func:`cnxv2_mm.checkpoints.load.load` says with the tensors of a file.

    Returns:
        A line for the log about what was done; empty if nothing.

    Raises:
        ValueError: ``stem`` is 'inflate', and there is nothing to inflate.
    """
    if stem is None:
        return ""
    here, there = channels_of_stem(own), channels_of_stem(file)
    if not can_inflate(own, file):
        raise ValueError(
            f"stem={stem!r} makes a stem for another number of channels from one for {RGB}; here the model has {here} "
            f"and the file {there}: {'leave stem out' if here == there else f'choose a file with {RGB}'}"
        )
    file.tensors[STEM] = inflate(file.tensors[STEM], here)
    return f"\n  inflated, by stem={stem!r}: {own.origins[STEM]}, from {there} input channels to {here}"


def can_inflate(own: Translation, file: Translation) -> bool:
    """Whether the stem of a file is for three channels, and that of a model for another number of them."""
    return channels_of_stem(file) == RGB and channels_of_stem(own) not in (0, RGB)


def channels_of_stem(network: Translation) -> int:
    """Return the number of input channels of a network; 0 if it has no stem, or one that is no convolution."""
    weight = network.tensors.get(STEM)
    return weight.shape[1] if weight is not None and weight.ndim == 4 else 0

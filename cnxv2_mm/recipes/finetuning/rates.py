"""How a model learns, by the width of its network."""

from collections.abc import Mapping
from dataclasses import dataclass

from cnxv2_mm.recipes.finetuning.start import Start


@dataclass(frozen=True)
class Rates:
    """How a model learns.

    Attributes:
        lr: The learning rate of AdamW for the heads, with ``batch_size`` images in a step. For other batches the frame
            multiplies it by the square root of the ratio.
        batch_size: The number of images that ``lr`` is for.
        layer_decay: By how much each block of the backbone learns more slowly than the one behind it, in (0, 1].
        drop_path: The rate of stochastic depth of the backbone's last block, in [0, 1).
        why: Where these numbers come from.
        weight_decay: AdamW's weight decay.
        max_norm: At which norm gradients are clipped.
    """

    lr: float
    batch_size: int
    layer_decay: float
    drop_path: float
    why: str
    weight_decay: float = 0.05
    max_norm: float = 10.0


# Number of channels of the last stage, up to which a network is this narrow (infinity for the widest) -> learning rate,
# layer decay, drop path, and where they are from.
RatesByWidth = Mapping[float, tuple[float, float, float, str]]


def choose_rates(by_width: RatesByWidth, batch_size: int, start: Start) -> Rates:
    """Return the rates for a network.

    Args:
        by_width: The rates of a task, the narrowest network first.
        batch_size: The number of images that the learning rates are for.
        start: The network.
    """
    lr, layer_decay, drop_path, why = next(rates for width, rates in by_width.items() if start.channels[-1] <= width)
    return Rates(lr, batch_size, layer_decay, drop_path, why)

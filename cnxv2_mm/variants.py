"""The sizes of ConvNeXt V2 (and of V1), as data: the only place where they are written.

Source: ConvNeXt V2, arXiv 2301.00808, appendix A.1 (atto to huge without small); ConvNeXt V1,
facebookresearch/ConvNeXt @ 048efce (small, xlarge).
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Variant:
    """One size of the network.

    Attributes:
        depths: Blocks in each of the four stages.
        channels: Width of each of the four stages.
    """

    depths: tuple[int, int, int, int]
    channels: tuple[int, int, int, int]


VARIANTS: dict[str, Variant] = {
    "atto": Variant((2, 2, 6, 2), (40, 80, 160, 320)),
    "femto": Variant((2, 2, 6, 2), (48, 96, 192, 384)),
    "pico": Variant((2, 2, 6, 2), (64, 128, 256, 512)),
    "nano": Variant((2, 2, 8, 2), (80, 160, 320, 640)),
    "tiny": Variant((3, 3, 9, 3), (96, 192, 384, 768)),
    "small": Variant((3, 3, 27, 3), (96, 192, 384, 768)),  # V1 only
    "base": Variant((3, 3, 27, 3), (128, 256, 512, 1024)),
    "large": Variant((3, 3, 27, 3), (192, 384, 768, 1536)),
    "xlarge": Variant((3, 3, 27, 3), (256, 512, 1024, 2048)),  # V1 only
    "huge": Variant((3, 3, 27, 3), (352, 704, 1408, 2816)),
}


def find_variant(arch: str | Mapping[str, object]) -> Variant:
    """Turn the ``arch`` of a config into a :class:`Variant`.

    Args:
        arch: A name in :data:`VARIANTS`, or a mapping with exactly ``depths`` and ``channels``, four positive
            integers each.

    Raises:
        ValueError: The name is unknown, or the mapping is not of that form.
    """
    if isinstance(arch, str):
        if arch not in VARIANTS:
            raise ValueError(
                f"arch={arch!r} is unknown; choose one of {', '.join(VARIANTS)}, "
                "or give dict(depths=(...), channels=(...)) with four integers each"
            )
        return VARIANTS[arch]
    form = f"arch={arch!r} must be a name or dict(depths=..., channels=...) with four positive integers each"
    if not isinstance(arch, Mapping) or set(arch) != {"depths", "channels"}:
        raise ValueError(form)
    try:
        variant = Variant(depths=tuple(arch["depths"]), channels=tuple(arch["channels"]))
    except TypeError as error:
        raise ValueError(form) from error
    numbers = (*variant.depths, *variant.channels)
    if len(variant.depths) != 4 or len(variant.channels) != 4 or not all(type(n) is int and n > 0 for n in numbers):
        raise ValueError(form)
    return variant

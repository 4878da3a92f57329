"""The sizes of ConvNeXt V2 (and of V1) and the strides of its stages, as data: the only place where they are written.

Source: ConvNeXt V2, arXiv 2301.00808, appendix A.1 (atto to huge without small); ConvNeXt V1,
facebookresearch/ConvNeXt @ 048efce (small, xlarge).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

# Pixels between neighbouring cells of each stage's map: the stem takes blocks of 4 x 4 pixels, and each later stage
# begins with a downsampling by 2.
STRIDES = (4, 8, 16, 32)
STEM_STRIDE, LAST_STRIDE = STRIDES[0], STRIDES[-1]
NUM_STAGES = len(STRIDES)
# The arguments with which ``ConvNeXtV2`` is a V1: no GRN, and a layer scale, whose first value is that of ConvNeXt
# (arXiv 2201.03545), appendix A.1.
V1_ARGUMENTS: Mapping[str, Any] = MappingProxyType({"use_grn": False, "layer_scale_init_value": 1e-6})


@dataclass(frozen=True)
class Variant:
    """One size of the network.

    Attributes:
        depths: Number of blocks in each of the four stages.
        channels: Number of channels of each of the four stages.
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


def find_variant(arch: str | Mapping[str, Iterable[int]]) -> Variant:
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
        variant = Variant(depths=_four(arch["depths"]), channels=_four(arch["channels"]))
    except (TypeError, ValueError) as error:
        raise ValueError(form) from error
    if not all(type(n) is int and n > 0 for n in (*variant.depths, *variant.channels)):
        raise ValueError(form)
    return variant


def _four(numbers: Iterable[int]) -> tuple[int, int, int, int]:
    """Return four numbers as a tuple; raises a ``ValueError`` if there are fewer or more."""
    first, second, third, fourth = numbers
    return first, second, third, fourth

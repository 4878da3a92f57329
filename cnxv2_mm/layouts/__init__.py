"""Where the cells of a feature map live.

A ConvNeXt block is pointwise but for two things: the depthwise convolution looks at neighbours and GRN sums over an
image. The block is written once (``cnxv2_mm.backbone``); a layout answers those two questions for one way of storing
the cells. The contract is in ``base.py``.

========================  ==========================================  ==============================================
layout                    x                                           used for
========================  ==========================================  ==============================================
``Dense``                 (N, H, W, C)                                detection, segmentation, classification
``MaskedDense``           (N, H, W, C), hidden cells are never read   the readable specification of masked encoding
``Packed``                (N, M, C), only the M visible cells         the default for pre-training
``Minkowski``             (M, C) and MinkowskiEngine's coordinates    those who have the engine of the official code
========================  ==========================================  ==============================================

``Minkowski`` is imported when it is asked for, and MinkowskiEngine with it.
"""

from typing import TYPE_CHECKING

from cnxv2_mm.layouts.base import Layout
from cnxv2_mm.layouts.dense import Dense
from cnxv2_mm.layouts.masked_dense import MaskedDense
from cnxv2_mm.layouts.packed import Packed

if TYPE_CHECKING:
    from cnxv2_mm.layouts.minkowski import Minkowski

# Layouts that hide patches, under the names that configs use; 'minkowski' is one more.
MASKED_LAYOUTS: dict[str, type[MaskedDense] | type[Packed]] = {"masked_dense": MaskedDense, "packed": Packed}


def find_masked_layout(name: str) -> "type[MaskedDense] | type[Packed] | type[Minkowski]":
    """Return the layout class that a config's ``layout='packed'`` names.

    Raises:
        ValueError: There is none of that name.
        ImportError: It is 'minkowski', and MinkowskiEngine cannot be imported.
    """
    if name == "minkowski":
        from cnxv2_mm.layouts.minkowski import Minkowski

        return Minkowski
    if not isinstance(name, str) or name not in MASKED_LAYOUTS:
        raise ValueError(f"layout={name!r} is unknown; choose one of {', '.join(MASKED_LAYOUTS)}, minkowski")
    return MASKED_LAYOUTS[name]


__all__ = ["MASKED_LAYOUTS", "Dense", "Layout", "MaskedDense", "Packed", "find_masked_layout"]

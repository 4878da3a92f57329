"""Where the cells of a feature map live.

A ConvNeXt block is pointwise but for two things: the depthwise convolution looks at neighbours and GRN sums over an
image, as do the baselines in its place (``cnxv2_mm.feature_norms``). The block is written once
(``cnxv2_mm.backbone``); a layout answers those questions for one way of storing the cells. The contract is in
``base.py``.

========================  ==========================================  ==============================================
layout                    x, the tensor of cells                      used for
========================  ==========================================  ==============================================
``Dense``                 (N, H, W, C)                                detection, segmentation, classification
``MaskedDense``           (N, H, W, C), hidden cells are never read   the readable specification of masked encoding
``Packed``                (N, M, C), only the M visible cells         the default for pre-training
``Minkowski``             (M, C) and MinkowskiEngine's coordinates    those who have the engine of the official code
``MaskedInput``           (N, H, W, C), hidden cells are read too     the paper's row "without sparse convolution"
========================  ==========================================  ==============================================

``Minkowski`` is imported when it is asked for, and MinkowskiEngine with it.
"""

from cnxv2_mm.layouts.base import Layout, MaskedLayout
from cnxv2_mm.layouts.dense import Dense
from cnxv2_mm.layouts.masked_dense import MaskedDense
from cnxv2_mm.layouts.masked_input import MaskedInput
from cnxv2_mm.layouts.packed import Packed

__all__ = ["Dense", "Layout", "MaskedDense", "MaskedInput", "MaskedLayout", "Packed", "find_masked_layout"]


def find_masked_layout(name: str) -> type[MaskedLayout]:
    """Return the class of the layout that a config names, as in ``layout='packed'``.

    Args:
        name: 'masked_dense', 'packed', 'minkowski' or 'masked_input'.

    Raises:
        ValueError: There is no layout of that name.
        ImportError: The name is 'minkowski', and MinkowskiEngine cannot be imported.
    """
    match name:
        case "masked_dense":
            return MaskedDense
        case "packed":
            return Packed
        case "masked_input":
            return MaskedInput
        case "minkowski":
            from cnxv2_mm.layouts.minkowski import Minkowski

            return Minkowski
    raise ValueError(f"layout={name!r} is unknown; choose one of masked_dense, packed, minkowski, masked_input")

"""Any OpenMMLab config with ConvNeXt V2 in the place of its backbone.

``measure`` builds the old backbone on the meta device and runs it; ``stages`` finds the same strides in ConvNeXt V2;
``consumers`` and ``channels`` change what reads the maps; ``weights``, ``preprocessing`` and ``optimizer`` do the rest;
``config`` is the whole of it. ``differences`` and ``inherit`` write the result as a short config, ``target`` says where
it may be written; ``new_style`` is about configs with imports.
"""

from cnxv2_mm.swap.differences import changes, differences
from cnxv2_mm.swap.refusal import SwapRefused
from cnxv2_mm.swap.short_config import short_config
from cnxv2_mm.swap.swap import Swap, swap_backbone, swap_config

__all__ = ["Swap", "SwapRefused", "changes", "differences", "short_config", "swap_backbone", "swap_config"]

"""The published ConvNeXt V2 weights: what there is, where it lies, and how it comes to this machine.

None is part of this package, and all of them are CC-BY-NC 4.0: no commercial use.
"""

from cnxv2_mm.zoo.names import find_file, find_weight, is_name
from cnxv2_mm.zoo.store import fetch
from cnxv2_mm.zoo.table import LICENCE, SOURCES, TRAININGS, WEIGHTS, File, Weight

__all__ = [
    "LICENCE",
    "SOURCES",
    "TRAININGS",
    "WEIGHTS",
    "File",
    "Weight",
    "fetch",
    "find_file",
    "find_weight",
    "is_name",
]

"""The published ConvNeXt V2 weights: a list of them, and their download.

They are not part of this package. All of them are CC-BY-NC 4.0: no commercial use. In the order in which to read the
files:

- ``table``: every weight, its accuracies, its licence and its addresses.
- ``names``: from a name or an address to the file that is meant.
- ``checkpoint_format``: what kind of file it is and whether it is complete, by its content.
- ``partial_file``: the bytes of a download that have arrived so far.
- ``download``: one file from the net, checked.
- ``store``: the folder where downloaded weights are kept.
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

"""The published ConvNeXt weights: a list of them, and their download.

They are not part of this package. Each has a licence of its own, and many allow no commercial use. In the order in
which to read the files:

- ``weight``: what is known of a weight.
- ``convnextv2_weights``, ``convnext_weights``, ``torchvision_weights``: every weight, by who published it.
- ``table``: all of them, by name.
- ``names``: from a name or an address to the file that is meant.
- ``checkpoint_format``: what kind of file it is and whether it is complete, by its content.
- ``partial_file``: the bytes of a download that have arrived so far.
- ``download``: one file from the net, checked.
- ``store``: the folder where downloaded weights are kept.
"""

from cnxv2_mm.zoo.names import find_file, find_weight, is_name
from cnxv2_mm.zoo.store import fetch
from cnxv2_mm.zoo.table import WEIGHTS
from cnxv2_mm.zoo.weight import COMMERCIAL, SOURCES, TRAININGS, Accuracy, File, Weight

__all__ = [
    "COMMERCIAL",
    "SOURCES",
    "TRAININGS",
    "WEIGHTS",
    "Accuracy",
    "File",
    "Weight",
    "fetch",
    "find_file",
    "find_weight",
    "is_name",
]

"""The names and shapes that each library gives to the tensors of a ConvNeXt: one table for each dialect.

Each row of a table pairs a name of the library with one of ours. Any two libraries translate into each other through
our names. ``form`` holds the shapes, ``table`` what a table is made of, and every other file the tables of one library.
"""

from cnxv2_mm.checkpoints.dialects.hugging_face import DINOV3, HUGGING_FACE
from cnxv2_mm.checkpoints.dialects.mmpretrain import MMPRETRAIN
from cnxv2_mm.checkpoints.dialects.official import OFFICIAL, OFFICIAL_SPARSE
from cnxv2_mm.checkpoints.dialects.ours import OURS
from cnxv2_mm.checkpoints.dialects.table import FINAL_NORM, Dialect, Row
from cnxv2_mm.checkpoints.dialects.timm import TIMM, TIMM_FEATURES
from cnxv2_mm.checkpoints.dialects.torchvision import TORCHVISION

DIALECTS = {
    d.name: d
    for d in (
        OFFICIAL,
        OFFICIAL_SPARSE,
        MMPRETRAIN,
        TIMM,
        TIMM_FEATURES,
        TORCHVISION,
        HUGGING_FACE,
        DINOV3,
        OURS,
    )
}

__all__ = [
    "DIALECTS",
    "DINOV3",
    "FINAL_NORM",
    "HUGGING_FACE",
    "MMPRETRAIN",
    "OFFICIAL",
    "OFFICIAL_SPARSE",
    "OURS",
    "TIMM",
    "TIMM_FEATURES",
    "TORCHVISION",
    "Dialect",
    "Row",
]

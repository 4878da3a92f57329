"""Every ConvNeXt checkpoint loads, whichever library wrote it, or the error says exactly why not.

``dialects`` has the names each library uses, ``detect`` recognises them, ``translate`` turns them into ours and back.
``weights`` says which tensors can be weights, ``architecture`` whether a network is whole; ``relatives`` and
``hub_config`` whether it is one of the papers'. ``files`` reads, ``target`` writes, ``load`` fills a model,
``initialiser`` does so from a config, ``convert`` writes a file in another dialect. ``mmengine_loader``
guards what mmengine reads.
"""

from cnxv2_mm.checkpoints.convert import Conversion, convert
from cnxv2_mm.checkpoints.dialects import DIALECTS
from cnxv2_mm.checkpoints.files import allow_checkpoint_types, trust_pickle
from cnxv2_mm.checkpoints.initialiser import Pretrained
from cnxv2_mm.checkpoints.load import load
from cnxv2_mm.checkpoints.mmengine_loader import is_whole, read_without_tensors, restrict_loader

__all__ = [
    "DIALECTS",
    "Conversion",
    "Pretrained",
    "allow_checkpoint_types",
    "convert",
    "is_whole",
    "load",
    "read_without_tensors",
    "restrict_loader",
    "trust_pickle",
]

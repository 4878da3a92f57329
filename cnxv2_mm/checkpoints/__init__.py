"""ConvNeXt weights of any library: loaded whole, written for another library, or refused with the reason.

A dialect is the way in which one library names and shapes the tensors of a ConvNeXt. Every dialect is translated into
one set of names, called ours. In the order in which to read the files:

- ``dialects``: the names and shapes of each library, as tables.
- ``wrappers``: the levels that ``DataParallel`` and other wrappers add to names.
- ``detect``: which dialect a file has, and where in it the network is.
- ``weights``: which tensors can be weights.
- ``architecture``: which network the tensors make up, and whether all of it is there.
- ``relatives``: networks that look like a ConvNeXt and are another one.
- ``translate``: from any dialect to our names, and back.
- ``shards``: a checkpoint in several files.
- ``torchvision_weights``, ``hugging_face_hub``: files that other libraries know how to find.
- ``addresses``: which of them an address means.
- ``files``: tensors out of a file, without running code that is in it.
- ``hub_config``: what the ``config.json`` beside a file says about it.
- ``metadata``: what a safetensors file says about its images.
- ``norm_eps``: the eps of a file's norms and of a model's.
- ``read``: from a file to a whole network with our names.
- ``stem``: from three input channels to another number of them.
- ``load``: from a file into a model.
- ``initialiser``: the same for a config, ``init_cfg=dict(type='cnxv2_mm.Pretrained', ...)``.
- ``target``: writes a file, completely or not at all.
- ``convert``: from one file to another.
- ``mmengine_loader``: lets mmengine's own loader run no code either.
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

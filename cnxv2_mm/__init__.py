"""ConvNeXt V2 and its masked-autoencoder pre-training (FCMAE) for OpenMMLab.

Importing the package registers its models, optimiser constructor and metrics under the scope ``cnxv2_mm``, and supplies
the operators that an mmcv without its compiled part is missing.
"""

from cnxv2_mm import mmcv_ops
from cnxv2_mm.version import __version__

__all__ = ["__version__"]

mmcv_ops.install()

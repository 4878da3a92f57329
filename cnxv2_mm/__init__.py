"""ConvNeXt V2 and its masked-autoencoder pre-training (FCMAE) for OpenMMLab.

Importing the package registers its models, optimiser constructor and metrics under the scope ``cnxv2_mm``.
"""

from cnxv2_mm.cpu_amp import CpuAmpOptimWrapper
from cnxv2_mm.layer_decay import LayerDecayOptimWrapperConstructor
from cnxv2_mm.version import __version__

__all__ = ["CpuAmpOptimWrapper", "LayerDecayOptimWrapperConstructor", "__version__"]

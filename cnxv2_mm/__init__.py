"""ConvNeXt V2 and its masked-autoencoder pre-training (FCMAE) for OpenMMLab.

Importing the package registers its models, weight initialiser, optimiser constructor and metrics under the scope
``cnxv2_mm``, supplies the operators that an mmcv without its compiled part is missing, and keeps mmengine's checkpoint
loader from running code that is in a file.
"""

from cnxv2_mm import mmcv_ops
from cnxv2_mm.analysis import ReconstructionLoss
from cnxv2_mm.backbone import ConvNeXtV2
from cnxv2_mm.checkpoints import Pretrained, restrict_loader
from cnxv2_mm.contiguous_maps import ContiguousMaps
from cnxv2_mm.cpu_amp import CpuAmpOptimWrapper
from cnxv2_mm.decoder import FCMAEDecoder
from cnxv2_mm.fcmae import FCMAE
from cnxv2_mm.finite_check import FiniteCheckHook
from cnxv2_mm.fsdp import FSDPStrategy, convnext_blocks
from cnxv2_mm.layer_decay import LayerDecayOptimWrapperConstructor
from cnxv2_mm.version import __version__
from cnxv2_mm.warmup_cosine import WarmupCosineLR

__all__ = [
    "FCMAE",
    "ContiguousMaps",
    "ConvNeXtV2",
    "CpuAmpOptimWrapper",
    "FCMAEDecoder",
    "FSDPStrategy",
    "FiniteCheckHook",
    "LayerDecayOptimWrapperConstructor",
    "Pretrained",
    "ReconstructionLoss",
    "WarmupCosineLR",
    "__version__",
    "convnext_blocks",
]

mmcv_ops.install()
restrict_loader()

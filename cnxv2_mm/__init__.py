"""ConvNeXt V2 and its masked-autoencoder pre-training (FCMAE) for OpenMMLab.

Importing the package registers its models, transforms, weight initialiser, optimiser constructor, metrics, hooks and
sampler under the scope ``cnxv2_mm``. It supplies what is missing in an mmcv without its compiled part and in an
xtcocotools that was built for another numpy. It keeps mmengine's checkpoint loader from running code that is in a file.
"""

from importlib.util import find_spec

_MISSING = [name for name in ("torch", "mmengine", "mmcv") if find_spec(name) is None]
if _MISSING:
    raise ImportError(
        f"cnxv2_mm needs {' and '.join(_MISSING)}, which {'is' if len(_MISSING) == 1 else 'are'} not installed: "
        'pip install "cnxv2_mm[onedl]" (or "cnxv2_mm[original]" for the last packages of OpenMMLab itself)'
    )

from cnxv2_mm import coco_masks, mmcv_ops
from cnxv2_mm.analysis import ReconstructionLoss
from cnxv2_mm.backbone import ConvNeXtV2
from cnxv2_mm.checkpoints import Pretrained, load_backbone, restrict_loader
from cnxv2_mm.decoders import FCMAEDecoder, TransformerDecoder, UNetDecoder
from cnxv2_mm.export.export import Export
from cnxv2_mm.export.export import export as export_model
from cnxv2_mm.fcmae import FCMAE
from cnxv2_mm.images import ImagePreprocessor, LoadImage, RandomResizedCrop
from cnxv2_mm.necks import ContiguousMaps
from cnxv2_mm.recipes.finetuning.finetune import Finetuning, finetune
from cnxv2_mm.recipes.pretraining.pretrain import Pretraining, pretrain
from cnxv2_mm.run_report.prediction_sheet import PredictionSheetHook
from cnxv2_mm.run_report.report_page import ReportPageHook
from cnxv2_mm.shipped import tell_mmengine
from cnxv2_mm.training.compiling import CompileHook
from cnxv2_mm.training.finite_check import FiniteCheckHook
from cnxv2_mm.training.fsdp import FSDPStrategy, convnext_blocks
from cnxv2_mm.training.layer_decay import LayerDecayOptimWrapperConstructor
from cnxv2_mm.training.matmul_precision import MatmulPrecisionHook
from cnxv2_mm.training.mixed_precision import CpuAmpOptimWrapper, Float32OutputHook
from cnxv2_mm.training.monitoring.feature_probe import FeatureProbeHook
from cnxv2_mm.training.monitoring.held_out_sampler import HeldOutSampler
from cnxv2_mm.training.monitoring.reconstruction_sheet import ReconstructionSheetHook
from cnxv2_mm.training.monitoring.throughput import ThroughputHook
from cnxv2_mm.training.warmup_cosine import WarmupCosineLR
from cnxv2_mm.version import __version__

__all__ = [
    "FCMAE",
    "CompileHook",
    "ContiguousMaps",
    "ConvNeXtV2",
    "CpuAmpOptimWrapper",
    "Export",
    "FCMAEDecoder",
    "FSDPStrategy",
    "FeatureProbeHook",
    "Finetuning",
    "FiniteCheckHook",
    "Float32OutputHook",
    "HeldOutSampler",
    "ImagePreprocessor",
    "LayerDecayOptimWrapperConstructor",
    "LoadImage",
    "MatmulPrecisionHook",
    "PredictionSheetHook",
    "Pretrained",
    "Pretraining",
    "RandomResizedCrop",
    "ReconstructionLoss",
    "ReconstructionSheetHook",
    "ReportPageHook",
    "ThroughputHook",
    "TransformerDecoder",
    "UNetDecoder",
    "WarmupCosineLR",
    "__version__",
    "convnext_blocks",
    "export_model",
    "finetune",
    "load_backbone",
    "pretrain",
]

mmcv_ops.install()
coco_masks.install()
restrict_loader()
tell_mmengine()

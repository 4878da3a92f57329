"""OpenMMLab's models as functions that can be recorded, one file a family.

- ``base.py``: what each of them does.
- ``overrides.py``: whether a model still does what was written here a second time.
- ``detector.py``: what the detectors of mmdet have in common.
- ``dense_heads.py``: what the heads of dense detectors predict at a cell.
- ``dense_detector.py``: RetinaNet, FCOS, ATSS, GFL, RTMDet and their like.
- ``rtmdet_ins.py``: RTMDet-Ins.
- ``yolox.py``: YOLOX.
- ``region_proposals.py``: where something may be: the first stage of a two-stage detector.
- ``region_features.py``: the features inside of boxes.
- ``region_boxes.py``: what is where: the second stage, and those of a cascade.
- ``region_masks.py``: the shape of what is found.
- ``two_stage.py``: Faster, Mask and Cascade R-CNN.
- ``detr.py``: DETR, Conditional DETR and DAB-DETR.
- ``deformable_detr.py``: Deformable DETR and DINO.
- ``classifier.py``: mmpretrain's classifiers.
- ``segmentor.py``: mmseg's segmentors.
- ``backbone.py``: a ConvNeXt alone.
- ``single_stage.py``: which of these three exports a single-stage detector.
"""

import sys
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from torch import nn

from cnxv2_mm.export.models.base import ExportableModel


@dataclass(frozen=True)
class _Family:
    """Models of a library that one class of ours exports.

    Attributes:
        library: The module of the library that has their class.
        model: The name of that class; its subclasses are of the family too.
        file: Our file, in this folder.
        exportable: The name of our class in it, or of a function that finds the class.
        what: What users call them.
    """

    library: str
    model: str
    file: str
    exportable: str
    what: str


# The most special first.
_FAMILIES = (
    _Family("mmdet.models.detectors", "DeformableDETR", "deformable_detr", "DeformableDETR", "Deformable DETR, DINO"),
    _Family("mmdet.models.detectors", "DETR", "detr", "DETR", "DETR, Conditional and DAB-DETR"),
    _Family(
        "mmdet.models.detectors", "TwoStageDetector", "two_stage", "TwoStageDetector", "Faster, Mask and Cascade R-CNN"
    ),
    _Family(
        "mmdet.models.detectors",
        "SingleStageDetector",
        "single_stage",
        "single_stage",
        "RetinaNet, FCOS, RTMDet, YOLOX and others",
    ),
    _Family("mmpretrain.models.classifiers", "ImageClassifier", "classifier", "Classifier", "classifiers"),
    _Family("mmseg.models.segmentors", "EncoderDecoder", "segmentor", "Segmentor", "segmentors"),
    _Family("cnxv2_mm.backbone", "ConvNeXtV2", "backbone", "Backbone", "a ConvNeXt alone"),
)
_SEGMENTOR = "segmentor"


def exportable(model: nn.Module, *, logits: bool = False, **options: Any) -> ExportableModel:
    """Return a model as a function that can be recorded.

    Args:
        model: A model of mmdet, mmseg or mmpretrain, or a backbone, in evaluation mode.
        logits: Whether a segmentor gives the logits of each class, not the number of the best one.
        options: More that the family takes: of a backbone ``statistics``.

    Raises:
        ValueError: The model is of no family, or something in it cannot be exported, or only a segmentor has
            ``logits``.
    """
    for family in _FAMILIES:
        # A model of a library that nobody has imported cannot be here.
        kind = getattr(sys.modules.get(family.library), family.model, None)
        if kind is None or not isinstance(model, kind):
            continue
        if logits and family.file != _SEGMENTOR:
            raise ValueError(f"--logits is for segmentors, and {type(model).__name__} is none; leave it out")
        if logits:
            options["logits"] = True
        found = getattr(import_module(f"{__name__}.{family.file}"), family.exportable)(model, **options)
        assert isinstance(found, ExportableModel)
        return found
    known = "; ".join(family.what for family in _FAMILIES)
    raise ValueError(f"{type(model).__name__} cannot be exported; these can: {known}")

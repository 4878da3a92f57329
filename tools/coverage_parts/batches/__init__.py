"""Small batches with made-up annotations, as a data loader would hand them to each library's models."""

from typing import Any

from mmengine.config import Config

from coverage_parts.batches.classification import classification_batch
from coverage_parts.batches.detection import detection_batch
from coverage_parts.batches.segmentation import segmentation_batch

_MAKERS = {"mmdet": detection_batch, "mmseg": segmentation_batch, "mmpretrain": classification_batch}


def make_batch(config: Config) -> dict[str, Any]:
    """``inputs`` and ``data_samples`` for the data preprocessor of a config's model; the same at every call."""
    return _MAKERS[config.default_scope](config)

"""Small batches with made-up annotations, as a data loader would hand them to each library's models."""

from typing import Any

from mmengine.config import Config

from benchmarks.swap.batches.classification import classification_batch, pictures_to_classify
from benchmarks.swap.batches.detection import detection_batch, pictures_to_detect
from benchmarks.swap.batches.pose import pose_batch
from benchmarks.swap.batches.rotated import rotated_batch, rotated_pictures
from benchmarks.swap.batches.segmentation import segmentation_batch
from benchmarks.swap.batches.yolo import yolo_batch, yolo_pictures

_FOR_TRAINING = {
    "mmdet": detection_batch,
    "mmseg": segmentation_batch,
    "mmpretrain": classification_batch,
    "mmpose": pose_batch,
    "mmrotate": rotated_batch,
    "mmyolo": yolo_batch,
}
_FOR_PREDICTION = {
    "mmdet": pictures_to_detect,
    "mmseg": segmentation_batch,
    "mmpretrain": pictures_to_classify,
    "mmpose": pose_batch,
    "mmrotate": rotated_pictures,
    "mmyolo": yolo_pictures,
}


def make_batch(config: Config) -> dict[str, Any]:
    """Return ``inputs`` and ``data_samples`` to train a config's model, the same at every call."""
    return _FOR_TRAINING[config.default_scope](config)


def make_prediction_batch(config: Config) -> dict[str, Any]:
    """Return ``inputs`` and ``data_samples`` for a prediction: whole pictures or one video, never views or branches."""
    return _FOR_PREDICTION[config.default_scope](config)

"""Batches for mmyolo: those of detection, boxes as its pipelines make them, collated as its data loaders do it."""

from typing import Any

import torch
from mmengine.config import Config
from mmengine.registry import FUNCTIONS

from benchmarks.swap.batches.detection import detection_batch, pictures_to_detect
from benchmarks.swap.search import values_of

# Points of a body: those of COCO, which the published configs train on.
_NUM_KEYPOINTS = 17


def yolo_batch(config: Config) -> dict[str, Any]:
    """Return a batch of the kind that the config's model trains on."""
    import mmyolo.datasets  # noqa: F401  registers yolov5_collate

    batch = detection_batch(config)
    for sample in batch["data_samples"]:
        _as_mmyolo_packs(config, sample)
    collate = config.train_dataloader.get("collate_fn") or {"type": "pseudo_collate"}
    with FUNCTIONS.switch_scope_and_registry("mmyolo") as registry:
        function = registry.get(collate["type"])
    options = {key: value for key, value in collate.items() if key not in ("type", "_scope_")}
    pairs = zip(batch["inputs"], batch["data_samples"], strict=True)
    return function([{"inputs": image, "data_samples": sample} for image, sample in pairs], **options)


def yolo_pictures(config: Config) -> dict[str, Any]:
    """Make one picture, of a letter box without bars."""
    batch = pictures_to_detect(config)
    for sample in batch["data_samples"]:
        sample.set_metainfo({"pad_param": (0, 0, 0, 0)})
    return batch


def _as_mmyolo_packs(config: Config, sample: Any) -> None:
    """Give a sample of mmdet boxes with a class, masks as tensors for models that have masks, and keypoints."""
    from mmdet.structures.bbox import HorizontalBoxes

    boxes, masks = sample.gt_instances.bboxes, sample.gt_instances.pop("masks")
    sample.gt_instances.bboxes = _rotated(boxes) if any(values_of(config.model, "angle_version")) else boxes
    if torch.is_tensor(sample.gt_instances.bboxes):
        sample.gt_instances.bboxes = HorizontalBoxes(boxes)
    if any(values_of(config.model, "mask_channels")) or "Ins" in config.model.bbox_head.type:
        sample.gt_instances.masks = masks.to_tensor(dtype=torch.uint8, device="cpu")
    if "Pose" in config.model.bbox_head.type:
        places = torch.linspace(0.1, 0.9, _NUM_KEYPOINTS)[None, :, None]
        sample.gt_instances.keypoints = boxes[:, None, :2] + places * (boxes[:, None, 2:] - boxes[:, None, :2])
        sample.gt_instances.keypoints_visible = torch.ones(len(boxes), _NUM_KEYPOINTS)


def _rotated(boxes: torch.Tensor) -> Any:
    """Return (n, 4) boxes turned by a little: centre, width, height, angle in radians."""
    from mmrotate.structures.bbox import RotatedBoxes

    sides = boxes[:, 2:] - boxes[:, :2]
    return RotatedBoxes(torch.cat((boxes[:, :2] + sides / 2, sides, torch.full_like(sides[:, :1], 0.2)), dim=1))

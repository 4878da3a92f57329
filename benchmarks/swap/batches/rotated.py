"""Batches for mmrotate: pictures with boxes that are turned, of the type that the config's pipeline makes."""

import math
from typing import Any

import torch
from mmengine.config import Config
from mmengine.structures import InstanceData
from torch import Tensor

from benchmarks.swap.batches.pictures import facts, noise
from benchmarks.swap.search import smallest, values_of

SIDE = 256
# SASM assigns objects to nine points of every level, of which the coarsest has one for each 128 pixels.
_SIDE_FOR_SASM = 512
_NUM_OBJECTS = 3


def rotated_batch(config: Config) -> dict[str, Any]:
    """Make two pictures of three objects each."""
    return _pictures(config, number=2)


def rotated_pictures(config: Config) -> dict[str, Any]:
    """Make one picture."""
    return _pictures(config, number=1)


def _pictures(config: Config, number: int) -> dict[str, Any]:
    side = _SIDE_FOR_SASM if "SASAssigner" in str(config.model.get("train_cfg")) else SIDE
    return {
        "inputs": [noise(side, side, seed) for seed in range(number)],
        "data_samples": [_sample(config, side, seed) for seed in range(number)],
    }


def _sample(config: Config, side: int, seed: int) -> Any:
    from mmdet.structures import DetDataSample
    from mmrotate.structures.bbox import RotatedBoxes

    sample = DetDataSample(metainfo=facts(side, seed))
    steps = box_types(config)
    boxes: Any = RotatedBoxes(object_boxes(seed))
    for box_type in steps:
        boxes = boxes.convert_to(box_type)
    num_classes = smallest(config.model, "num_classes", default=2)
    sample.gt_instances = InstanceData(bboxes=boxes, labels=torch.arange(_NUM_OBJECTS) % num_classes)
    none = RotatedBoxes(torch.zeros(0, 5)).convert_to(steps[-1])
    sample.ignored_instances = InstanceData(bboxes=none, labels=torch.zeros(0, dtype=torch.long))
    return sample


def object_boxes(seed: int) -> Tensor:
    """Draw (3, 5) boxes that lie in a picture of 256 x 256: centre and sides in pixels, angle in radians."""
    generator = torch.Generator().manual_seed(seed)
    extent = SIDE * (0.1 + 0.2 * torch.rand(_NUM_OBJECTS, 2, generator=generator))
    radius = extent.square().sum(dim=1, keepdim=True).sqrt() / 2
    centre = radius + torch.rand(_NUM_OBJECTS, 2, generator=generator) * (SIDE - 2 * radius)
    angle = (torch.rand(_NUM_OBJECTS, 1, generator=generator) - 0.5) * math.pi
    return torch.cat((centre, extent, angle), dim=1)


def box_types(config: Config) -> list[str]:
    """Return the types that the boxes have one after another in the training pipeline: 'qbox', 'rbox' and the like."""
    pipelines = [config.get("train_pipeline", []), *values_of(config.get("train_dataloader", {}), "pipeline")]
    transforms: list[dict[str, Any]] = next((pipeline for pipeline in pipelines if pipeline), [])
    loaded = [t["box_type"] for t in transforms if "box_type" in t]
    converted = [t["box_type_mapping"]["gt_bboxes"] for t in transforms if "box_type_mapping" in t]
    return loaded[:1] + converted or ["rbox"]

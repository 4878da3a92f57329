"""Batches for mmpretrain: labelled pictures, or several views of pictures without labels."""

from typing import Any

import torch
from mmengine.config import Config

from benchmarks.swap.batches.pictures import noise
from benchmarks.swap.search import smallest, values_of

SIDE = 64


def classification_batch(config: Config) -> dict[str, Any]:
    """Make four pictures; for self-supervised models two views of each, or as many as SwAV asks for."""
    from mmpretrain.models import BaseSelfSupervisor
    from mmpretrain.registry import MODELS

    batch = pictures_to_classify(config)
    if issubclass(MODELS.get(config.model.type), BaseSelfSupervisor):
        num_views = sum(next(values_of(config.model, "num_crops"), [2]))
        batch["inputs"] = [
            torch.stack([noise(SIDE, SIDE, 10 * view + seed) for seed in range(4)]) for view in range(num_views)
        ]
    return batch


def pictures_to_classify(config: Config) -> dict[str, Any]:
    """Make four labelled pictures."""
    from mmpretrain.structures import DataSample

    num_classes = smallest(config.model, "num_classes", default=2)
    samples = [DataSample(metainfo={"img_shape": (SIDE, SIDE)}).set_gt_label(i % num_classes) for i in range(4)]
    return {"inputs": [noise(SIDE, SIDE, seed) for seed in range(4)], "data_samples": samples}

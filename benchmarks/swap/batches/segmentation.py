"""Batches for mmseg: pictures with a class for every pixel."""

from typing import Any

import torch
from mmengine.config import Config
from mmengine.structures import PixelData

from benchmarks.swap.batches.pictures import noise
from benchmarks.swap.search import smallest

SIDE = 64


def segmentation_batch(config: Config) -> dict[str, Any]:
    """Make two pictures of upright stripes, one for each class."""
    from mmseg.structures import SegDataSample

    num_classes = smallest(config.model, "num_classes", default=2)
    samples = []
    for _ in range(2):
        sample = SegDataSample(
            metainfo={"img_shape": (SIDE, SIDE), "ori_shape": (SIDE, SIDE), "pad_shape": (SIDE, SIDE)}
        )
        stripes = (torch.arange(SIDE) // 4 % num_classes).expand(1, SIDE, SIDE).clone()
        sample.gt_sem_seg = PixelData(data=stripes)
        sample.gt_edge_map = PixelData(data=(torch.arange(SIDE) % 4 == 0).long().expand(1, SIDE, SIDE).clone())
        samples.append(sample)
    return {"inputs": [noise(SIDE, SIDE, seed) for seed in range(2)], "data_samples": samples}

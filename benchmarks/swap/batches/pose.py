"""Batches for mmpose: crops of persons, animals, hands, faces or clothes, with the targets that the config makes."""

from typing import Any

import numpy as np
from mmengine.config import Config
from mmengine.registry import TRANSFORMS

from benchmarks.swap.batches.pictures import noise
from benchmarks.swap.search import values_of


def pose_batch(config: Config) -> dict[str, Any]:
    """Make two crops, each with one object whose keypoints are spread over it."""
    with TRANSFORMS.switch_scope_and_registry("mmpose") as registry:
        steps = [registry.build(step) for step in _from_targets_on(config)]
    packed = []
    for seed in range(2):
        results = _crop(config, seed)
        for step in steps:
            results = step(results)
        packed.append(results)
    return {key: [one[key] for one in packed] for key in ("inputs", "data_samples")}


def _from_targets_on(config: Config) -> list[dict[str, Any]]:
    """Return the steps of the config's pipeline that follow the crop: its codec makes targets, then all is packed."""
    pipeline = config.train_dataloader.dataset.get("pipeline") or config.train_pipeline
    kinds = [step["type"].rpartition(".")[2] for step in pipeline]
    return [dict(step) for step in pipeline[kinds.index("GenerateTarget") :]]


def _crop(config: Config, seed: int) -> dict[str, Any]:
    """Return what a pipeline knows of a crop before it makes targets."""
    size = next(values_of(config.codec, "input_size"), None)
    if size is None:
        raise NotImplementedError("the walk makes no batches of keypoints in space")
    width, height = size
    number = next(n for key in ("num_joints", "out_channels") for n in values_of(config.model.head, key))
    keypoints = np.random.default_rng(seed).uniform(0.2, 0.8, (1, number, 2)).astype(np.float32) * (width, height)
    return {
        "img": noise(height, width, seed).permute(1, 2, 0).numpy().copy(),
        "img_id": seed,
        "img_shape": (height, width),
        "ori_shape": (height, width),
        "input_size": (width, height),
        "input_center": np.array([width / 2, height / 2], np.float32),
        "input_scale": np.array([width, height], np.float32),
        "bbox": np.array([[0, 0, width, height]], np.float32),
        "bbox_center": np.array([[width / 2, height / 2]], np.float32),
        "bbox_scale": np.array([[width, height]], np.float32),
        "bbox_score": np.ones(1, np.float32),
        "keypoints": keypoints,
        "transformed_keypoints": keypoints,
        "keypoints_visible": np.ones((1, number), np.float32),
        "dataset_keypoint_weights": np.ones(number, np.float32),
        "flip_indices": list(range(number)),
        "flip": False,
    }

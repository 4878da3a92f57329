"""Batches for mmdet: boxes with masks and labels, stuff, text, videos, semi-supervised branches, persons."""

from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.structures import InstanceData, PixelData

from benchmarks.swap.batches.pictures import facts, noise
from benchmarks.swap.search import smallest, values_of
from benchmarks.swap.small_bert import WORDS

SIDE = 128
# A proposal for each of the two-stage detectors that are trained without a region proposal network.
_NUM_PROPOSALS = 50


def detection_batch(config: Config) -> dict[str, Any]:
    """Return a batch of the kind that the config's model trains on."""
    model = config.model
    if model.type == "BaseReID":
        return _persons(smallest(model, "num_classes", default=2))
    if _is_tracker(config):
        return _videos(config, _side(config), number=2)
    if "semi_train_cfg" in model:
        return _branches(config, _side(config))
    return _pictures(config, _side(config), number=2)


def pictures_to_detect(config: Config) -> dict[str, Any]:
    """Make one picture, as guided anchoring wants it, one video, or four crops of persons."""
    if config.model.type == "BaseReID":
        batch = _persons(smallest(config.model, "num_classes", default=2))
        return {**batch, "inputs": list(batch["inputs"][0])}
    if _is_tracker(config):
        return _videos(config, _side(config), number=1)
    batch = _pictures(config, _side(config), number=1)
    if any(values_of(config.model, "rpn_head")):  # proposals in the samples would be taken in the place of its own
        for sample in batch["data_samples"]:
            del sample.proposals
    return batch


def _side(config: Config) -> int:
    return 256 if any(values_of(config.model, "as_two_stage")) else SIDE


def _is_tracker(config: Config) -> bool:
    return "TrackDataPreprocessor" in str(config.model.get("data_preprocessor"))


def _pictures(config: Config, side: int, number: int) -> dict[str, Any]:
    return {
        "inputs": [noise(side, side, seed) for seed in range(number)],
        "data_samples": [_sample(config, side, seed) for seed in range(number)],
    }


def _sample(config: Config, side: int, seed: int) -> Any:
    """Return what a data set would know about one picture: a superset of what any model needs."""
    from mmdet.structures import DetDataSample

    sample = DetDataSample(
        metainfo={
            **facts(side, seed),
            "border": (0, side, 0, side),  # CenterNet's crop
            "homography_matrix": np.eye(3, dtype=np.float32),  # semi-supervised: from the picture to its view
            "text": WORDS,
            "custom_entities": True,
            "is_video_data": True,
        }
    )
    num_classes = smallest(config.model, "num_classes", "num_things_classes", default=len(WORDS))
    sample.gt_instances = _instances(side, min(num_classes, len(WORDS)), seed)
    sample.ignored_instances = InstanceData(bboxes=torch.zeros(0, 4), labels=torch.zeros(0, dtype=torch.long))
    sample.proposals = InstanceData(bboxes=_boxes(side, _NUM_PROPOSALS, seed), scores=torch.rand(_NUM_PROPOSALS))
    sample.gt_sem_seg = _stuff(config, side)
    return sample


def _boxes(side: int, num: int, seed: int) -> torch.Tensor:
    """Draw (num, 4) boxes with sides from a quarter to half of the picture's, x1, y1, x2, y2 in pixels."""
    generator = torch.Generator().manual_seed(seed)
    extent = side * (0.25 + 0.25 * torch.rand(num, 2, generator=generator))
    corner = torch.rand(num, 2, generator=generator) * (side - extent)
    return torch.cat((corner, corner + extent), dim=1)


def _instances(side: int, num_classes: int, seed: int) -> InstanceData:
    """Draw three objects: ellipses that fill their boxes; ``instances_ids`` tie them together over a video."""
    from mmdet.structures.mask import BitmapMasks

    boxes = _boxes(side, 3, seed)
    rows, columns = np.mgrid[:side, :side] + 0.5
    masks = []
    for x1, y1, x2, y2 in boxes.tolist():
        across, down = (2 * columns - x1 - x2) / (x2 - x1), (2 * rows - y1 - y2) / (y2 - y1)
        masks.append((across**2 + down**2 < 1).astype(np.uint8))
    return InstanceData(
        bboxes=boxes,
        labels=torch.arange(3) % num_classes,
        masks=BitmapMasks(np.stack(masks), side, side),
        instances_ids=torch.arange(3),
    )


def _stuff(config: Config, side: int) -> PixelData:
    """Return a class for every pixel, in stripes, at the resolution to which the config's pipeline brings it."""
    model = config.model
    things, stuff = (next(values_of(model, key), 0) or 0 for key in ("num_things_classes", "num_stuff_classes"))
    semantic: dict[str, Any] = next(values_of(model, "semantic_head"), {}) or {}
    num_classes = things + stuff or semantic.get("num_classes", 2)
    rescale = [t.get("scale_factor", 1) for t in _transforms(config) if t.get("type") == "SegRescale"]
    side = int(side * (rescale[0] if rescale else 1))
    return PixelData(sem_seg=(torch.arange(side) % num_classes).expand(1, side, side).clone())


def _transforms(config: Config) -> list[dict[str, Any]]:
    pipelines = [config.get("train_pipeline", []), *values_of(config.get("train_dataloader", {}), "pipeline")]
    return [t for pipeline in pipelines for t in pipeline]


def _videos(config: Config, side: int, number: int) -> dict[str, Any]:
    """Make videos of two frames, the first of which is the key frame."""
    from mmdet.structures import TrackDataSample

    videos, inputs = [], []
    for video in range(number):
        sample = TrackDataSample(metainfo={"key_frames_inds": [0], "ref_frames_inds": [1], "img_shape": (side, side)})
        frames = [_sample(config, side, 2 * video + i) for i in range(2)]
        for i, frame in enumerate(frames):
            frame.set_metainfo({"frame_id": i})
        sample.video_data_samples = frames
        videos.append(sample)
        inputs.append(torch.stack([noise(side, side, 2 * video + i) for i in range(2)]))
    return {"inputs": inputs, "data_samples": videos}


def _branches(config: Config, side: int) -> dict[str, Any]:
    """Make one labelled picture and one unlabelled one, the latter as teacher and student see it."""
    pictures = {"sup": [noise(side, side, 0), None]}
    samples = {"sup": [_sample(config, side, 0), None]}
    for branch in ("unsup_teacher", "unsup_student"):
        pictures[branch] = [None, noise(side, side, 1)]
        samples[branch] = [None, _sample(config, side, 1)]
    return {"inputs": pictures, "data_samples": samples}


def _persons(num_classes: int) -> dict[str, Any]:
    """Make two crops of each of two persons, twice as high as wide, as the triplet loss wants them."""
    from mmdet.structures import ReIDDataSample

    inputs, samples = [], []
    for person in range(2):
        inputs.append(torch.stack([noise(256, 128, 2 * person + i) for i in range(2)]))
        for _ in range(2):
            samples.append(ReIDDataSample().set_gt_label(person % num_classes))
    return {"inputs": [torch.cat(inputs)], "data_samples": samples}

"""What the trained models say about a few validation images: the content of the contact sheet, without its layout."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope
from mmengine.runner import Runner, load_checkpoint
from mmengine.structures import BaseDataElement, InstanceData

from cnxv2_mm.config.load import load_config
from cnxv2_mm.recipes.run_folder import RunFolder
from demo.tasks import CLASSIFICATION, DETECTION, PRETRAINING, SEGMENTATION


@dataclass(frozen=True)
class Objects:
    """Digits in one image.

    ``boxes`` (K, 4) as left, top, right, bottom in pixels, ``masks`` (K, H, W) booleans, ``classes`` (K,) 0..9 and
    ``scores`` (K,) 0..1, all 1 for the truth.
    """

    boxes: np.ndarray
    masks: np.ndarray
    classes: np.ndarray
    scores: np.ndarray


@dataclass(frozen=True)
class SceneExample:
    """One validation scene: what FCMAE paints and what Mask R-CNN finds.

    ``image`` and ``reconstruction`` are (H, W, 3) RGB bytes, ``visible`` is (h, w), True for the patches that FCMAE
    saw.
    """

    image: np.ndarray
    visible: np.ndarray
    reconstruction: np.ndarray
    true_objects: Objects
    objects: Objects


@dataclass(frozen=True)
class PictureExample:
    """One validation picture: its digit, the predicted one with its probability, and what UperNet labels.

    ``image`` is (H, W, 3) RGB bytes; ``true_labels`` and ``labels`` are (H, W), 0 for the photograph and 1 + d for
    the digit d.
    """

    image: np.ndarray
    true_class: int
    predicted_class: int
    probability: float
    true_labels: np.ndarray
    labels: np.ndarray


def predict_scenes(work_dir: Path, data_root: Path, indices: Sequence[int]) -> list[SceneExample]:
    """Return the scenes at ``indices`` of validation through the pre-trained and the detecting model."""
    painted, preprocessor = _paint(RunFolder(work_dir / PRETRAINING.name), data_root / "coco/val", indices)
    detected, _ = _predict(RunFolder(work_dir / DETECTION.name), indices)
    return [
        SceneExample(
            image=_read_rgb(paint.img_path),
            visible=paint.visible.numpy(),
            reconstruction=_to_bytes(paint.reconstruction, preprocessor),
            true_objects=_objects(detect.gt_instances),
            objects=_objects(detect.pred_instances),
        )
        for paint, detect in zip(painted, detected, strict=True)
    ]


def predict_pictures(work_dir: Path, indices: Sequence[int]) -> list[PictureExample]:
    """Return the pictures at ``indices`` of validation through the classifying and the segmenting model."""
    classified, _ = _predict(RunFolder(work_dir / CLASSIFICATION.name), indices)
    segmented, _ = _predict(RunFolder(work_dir / SEGMENTATION.name), indices)
    return [
        PictureExample(
            image=_read_rgb(classify.img_path),
            true_class=int(classify.gt_label),
            predicted_class=int(classify.pred_label),
            probability=float(classify.pred_score.max()),
            true_labels=segment.gt_sem_seg.data[0].numpy(),
            labels=segment.pred_sem_seg.data[0].numpy(),
        )
        for classify, segment in zip(classified, segmented, strict=True)
    ]


def _paint(folder: RunFolder, images: Path, indices: Sequence[int]) -> tuple[list[BaseDataElement], torch.nn.Module]:
    """Return images with what the model pre-trained in ``folder`` paints, and its data preprocessor."""
    config = load_config(str(folder.config))
    pipeline = [{"type": "cnxv2_mm.LoadImage"}, {"type": "PackInputs"}]
    config.val_dataloader = {
        "sampler": {"type": "DefaultSampler", "shuffle": False},
        "collate_fn": {"type": "default_collate"},
        "dataset": {"type": "CustomDataset", "data_root": str(images), "with_label": False, "pipeline": pipeline},
    }
    # With its decoder, which the encoder's own file leaves out.
    return _run(config, indices, Path((folder.work / "last_checkpoint").read_text()))


def _predict(folder: RunFolder, indices: Sequence[int]) -> tuple[list[BaseDataElement], torch.nn.Module]:
    """Return validation samples with the predictions of the model trained in ``folder``, and its data preprocessor."""
    return _run(load_config(str(folder.config)), indices, folder.model)


@torch.no_grad()
def _run(config: Config, indices: Sequence[int], weights: Path) -> tuple[list[BaseDataElement], torch.nn.Module]:
    # The sheet shows the same images whatever part of them was validated, in one batch.
    loader = config.val_dataloader
    loader.dataset.indices = list(indices)
    loader.update(batch_size=len(indices), num_workers=0, persistent_workers=False)
    with DefaultScope.overwrite_default_scope(config.default_scope):
        (batch,) = Runner.build_dataloader(loader)
        model = MODELS.build(config.model)
        load_checkpoint(model, str(weights), map_location="cpu", strict=True)
        model.eval()
        samples = model.val_step(batch)
    return samples, model.data_preprocessor


def _objects(instances: InstanceData) -> Objects:
    masks = instances.masks
    masks = masks.numpy() if isinstance(masks, torch.Tensor) else masks.masks
    boxes = instances.bboxes
    boxes = (boxes if isinstance(boxes, torch.Tensor) else boxes.tensor).numpy()
    return Objects(
        boxes=boxes,
        masks=masks.astype(bool),
        classes=instances.labels.numpy(),
        scores=instances.scores.numpy() if "scores" in instances else np.ones(len(boxes), np.float32),
    )


def _to_bytes(image: torch.Tensor, preprocessor: Any) -> np.ndarray:
    """Turn a normalised (3, H, W) image back into (H, W, 3) RGB bytes."""
    image = image.cpu() * preprocessor.std.cpu() + preprocessor.mean.cpu()
    return image.clamp(0, 255).round().byte().permute(1, 2, 0).numpy()


def _read_rgb(path: str) -> np.ndarray:
    image = cv2.imread(path)
    if image is None:
        raise ValueError(f"{path} is no picture; delete data/demo and run the demo again")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)

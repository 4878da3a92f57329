"""A trained model from its config and checkpoint, whole or not at all, and what it finds in an image."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import DATASETS, MODELS, init_default_scope
from mmengine.runner import load_checkpoint
from torch import nn

from cnxv2_mm.config.check import check_names
from cnxv2_mm.config.load import load_config
from cnxv2_mm.prediction.pipeline import ImagePipeline, test_dataset
from cnxv2_mm.prediction.source import Source

_SHOWN = 300  # letters of what does not fit


class TrainedModel:
    """A detector, segmenter or classifier with all its weights, in evaluation mode.

    Args:
        source: Its config and its checkpoint.
        device: Where to run it.

    Attributes:
        config: Its whole config.
        model: The network, with its data preprocessor.
        pipeline: How images are read and prepared for it.
        classes: The names of its classes; empty if neither the checkpoint nor the config has them.

    Raises:
        FileNotFoundError: There is no such config or checkpoint.
        ValueError: The config has a mistake, or the checkpoint does not have exactly the tensors of the model.
    """

    def __init__(self, source: Source, device: torch.device | str = "cpu") -> None:
        config = load_config(source.config)
        check_names(config)
        init_default_scope(config.get("default_scope") or "mmengine")
        self.pipeline = ImagePipeline(config)
        if "data_preprocessor" in config:
            config.model.setdefault("data_preprocessor", config.data_preprocessor)  # as the Runner does
        # Without init_weights() nothing is downloaded. SyncBatchNorm needs several processes.
        model: nn.Module = revert_sync_batchnorm(MODELS.build(config.model))
        try:
            checkpoint = load_checkpoint(model, source.checkpoint, map_location="cpu", strict=True, logger="silent")
        except RuntimeError as error:  # what strictness raises, with a line for each kind of difference
            differences = " ".join(str(error).split())[:_SHOWN]
            raise ValueError(
                f"checkpoint {source.checkpoint} does not fit the model of {source.config}: use it with the config it "
                f"was trained with ({differences} ...)"
            ) from error
        self.classes = _class_names(checkpoint, config)
        self.config = config
        self.model: Any = model.to(device).eval()

    @torch.no_grad()
    def predict(self, image: Any, file: Path) -> Any:
        """Return the data sample of an image, on the CPU: boxes, masks and label maps are in its own pixels.

        Args:
            image: What ``pipeline.load`` has returned, or a part of it.
            file: Where it comes from.

        Raises:
            FloatingPointError: The model gives boxes, scores or probabilities that are not finite.
        """
        batch = pseudo_collate([self.pipeline.prepare(image, file)])
        sample = self.model.test_step(batch)[0].to("cpu")
        _check_finite(sample, file)
        return sample


def _check_finite(sample: Any, file: Path) -> None:
    found = sample.pred_instances if "pred_instances" in sample else sample
    for name in ("bboxes", "scores", "pred_score"):
        values = getattr(found.get(name), "tensor", found.get(name))
        if values is not None and not torch.isfinite(values).all():
            raise FloatingPointError(
                f"the model's {name} for {file} are not finite numbers: its training has diverged or not begun"
            )


def _class_names(checkpoint: Mapping[str, Any], config: Config) -> tuple[str, ...]:
    """Return the names that the checkpoint has, or those of the config's test dataset, or of that dataset's class."""
    meta = checkpoint.get("meta") or {}
    dataset = test_dataset(config)
    with DATASETS.switch_scope_and_registry(None) as registry:
        kind = registry.get(dataset["type"]) if isinstance(dataset["type"], str) else dataset["type"]
    for names in (meta.get("dataset_meta"), meta, dataset.get("metainfo"), getattr(kind, "METAINFO", None)):
        lower = {str(key).lower(): value for key, value in (names or {}).items()}
        if lower.get("classes"):
            found = lower["classes"]
            return (found,) if isinstance(found, str) else tuple(map(str, found))
    return ()

"""An error while a sample is loaded names its file, and so does an image with other channels than the model takes.

The errors of the libraries come from OpenCV, from collating a batch or from the model. These do not know the file.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.runner import Runner
from torch import Tensor


class CheckedPipeline(Compose):
    """A pipeline whose errors name the file.

    Args:
        pipeline: The pipeline whose transforms are used.
        channels: How many channels an image must have at the end of the pipeline; None allows any number.
    """

    def __init__(self, pipeline: Compose, channels: int | None) -> None:
        self.transforms = pipeline.transforms
        self.channels = channels

    def __call__(self, data: dict[str, Any]) -> dict[str, Any] | None:
        """Transform one sample.

        Raises:
            ValueError: A transform failed, or the image has another number of channels.
        """
        file = data.get("img_path")
        for transform in self.transforms:
            name = type(transform).__name__
            labels = data.get("seg_map_path") if name.startswith("LoadAnn") else None
            try:
                data = transform(data)
            except Exception as error:
                raise ValueError(_failure(labels or file, name, error)) from error
            if data is None:
                return None
        if isinstance(file, str):
            self._check_channels(file, data.get("inputs"))
        return data

    def _check_channels(self, file: str, inputs: Any) -> None:
        for image in inputs if isinstance(inputs, list | tuple) else [inputs]:
            if self.channels and isinstance(image, Tensor) and image.ndim == 3 and len(image) != self.channels:
                raise ValueError(
                    f"{file} has {len(image)} channels, the model takes {self.channels}: load it otherwise "
                    "(LoadImageFromFile(color_type='color') makes three, cnxv2_mm.LoadImage has channels), or set "
                    "model.backbone.in_channels and the data preprocessor's mean and std."
                )


def check_samples(runner: Runner, config: Config) -> None:
    """Make every pipeline of a run name its files in errors.

    Args:
        runner: A runner that has not built its data loaders yet.
        config: The config of the run.
    """
    build, channels = runner.build_dataloader, _channels(config)

    def build_checked(*args: Any, **kwargs: Any) -> Any:
        loader = build(*args, **kwargs)
        for dataset in _leaves(loader.dataset):
            if type(getattr(dataset, "pipeline", None)) is Compose:
                dataset.pipeline = CheckedPipeline(dataset.pipeline, channels)
        return loader

    runner.build_dataloader = build_checked


def _leaves(dataset: Any) -> Iterator[Any]:
    inner = getattr(dataset, "datasets", None) or [getattr(dataset, "dataset", None)]
    if inner == [None]:
        yield dataset
        return
    for each in inner:
        yield from _leaves(each)


def _channels(config: Config) -> int | None:
    """Return how many channels an image has by the config: as many as the mean, else as the backbone takes."""
    model = config.get("model") or {}
    model = model.get("module") or model  # under test-time augmentation
    preprocessor = model.get("data_preprocessor") or config.get("data_preprocessor") or {}
    mean = preprocessor.get("mean") or ()
    if len(mean) > 1:
        return len(mean)
    backbone = model.get("backbone") or {}
    return backbone.get("in_channels") if not mean and isinstance(backbone.get("in_channels"), int) else None


def _failure(file: Any, transform: str, error: Exception) -> str:
    if isinstance(file, str) and Path(file).is_file() and not Path(file).stat().st_size:
        return f"{file} is empty (0 bytes)."
    reason = " ".join(str(error).split())
    if reason == f"failed to load image: {file}":  # mmcv's, where OpenCV gives nothing
        return f"{file} cannot be read: it is cut off, or no image that the backend knows."
    if reason.startswith(str(file)):  # cnxv2_mm.LoadImage's names it
        return reason
    return f"{file}: {transform} failed ({type(error).__name__}: {reason})"

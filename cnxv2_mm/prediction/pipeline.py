"""The test pipeline of a config, on images that have no labels."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.registry import TRANSFORMS
from torch import Tensor

from cnxv2_mm.config.entry import type_name
from cnxv2_mm.images import read_image

_CHANNELS = {"color": 3, "color_ignore_orientation": 3, "grayscale": 1}


class ImagePipeline:
    """Reads an image as the config does in its tests, and makes of it what the model takes.

    Steps that load labels are left out. What the config's own loading step cannot read is read by
    :func:`cnxv2_mm.images.read_image`.

    Args:
        config: A whole config, of ours, mmdet, mmseg or mmpretrain. Its default scope has to be set.

    Attributes:
        reads_rgb: Whether images of three channels are in the order RGB; mmcv's are in the order BGR.

    Raises:
        ValueError: The config has no test pipeline, or one that does not begin with loading an image.
    """

    def __init__(self, config: Config) -> None:
        steps = test_dataset(config).get("pipeline") or []
        if not steps or "Image" not in (kind := type_name(steps[0])) or not kind.startswith("Load"):
            first = type_name(steps[0]) if steps else "nothing"
            raise ValueError(
                f"the pipeline of the config's test_dataloader begins with {first}, not with loading an image"
            )
        self._is_tensor = kind == "LoadImage"  # ours: (C, H, W), RGB
        self._load = TRANSFORMS.build(steps[0])
        self._steps = Compose([step for step in steps[1:] if not type_name(step).startswith("Load")])
        self._channels = _CHANNELS.get(steps[0].get("color_type", "color"))
        self._is_stored_order = steps[0].get("imdecode_backend") == "tifffile"
        self.reads_rgb = self._is_tensor or self._is_stored_order
        self._to_float = bool(steps[0].get("to_float32"))

    def load(self, file: Path) -> Any:
        """Read an image.

        Returns:
            What the next step takes: (C, H, W) of ours, else (H, W, C) in the order BGR, or (H, W).

        Raises:
            ValueError: The file is no image, or is damaged.
            OSError: The file is missing or may not be read.
        """
        try:
            return self._load({"img_path": str(file), "img_id": 0})["img"]
        except Exception:
            if self._is_tensor:
                raise
        image = read_image(file, self._channels)  # (C, H, W), RGB
        if image.dtype != torch.uint8 and self._channels is not None:
            raise ValueError(f"{file} has more than 8 bits, and the config's {type_name(self._load)} reads bytes")
        array = image.permute(1, 2, 0).numpy()
        if array.shape[2] == 3 and not self._is_stored_order:
            array = array[..., ::-1]
        array = np.ascontiguousarray(array[..., 0] if array.shape[2] == 1 else array)
        return array.astype(np.float32) if self._to_float else array

    def prepare(self, image: Any, file: Path) -> dict[str, Any]:
        """Run the steps behind the loading of an image.

        Args:
            image: What :meth:`load` returned, or a part of it (:meth:`crop`).
            file: Where it comes from.

        Returns:
            ``inputs`` and ``data_samples``, of one image.
        """
        shape = self.size(image)
        return self._steps({"img": image, "img_path": str(file), "img_id": 0, "img_shape": shape, "ori_shape": shape})

    def size(self, image: Any) -> tuple[int, int]:
        """Return height and width of an image that :meth:`load` has returned."""
        height, width = image.shape[-2:] if self._is_tensor else image.shape[:2]
        return int(height), int(width)

    def crop(self, image: Any, box: tuple[int, int, int, int]) -> Any:
        """Return the part of an image between (left, top) and (right, bottom)."""
        left, top, right, bottom = box
        if self._is_tensor:
            return image[:, top:bottom, left:right].contiguous()
        return np.ascontiguousarray(image[top:bottom, left:right])

    def picture(self, image: Any) -> np.ndarray:
        """Return an image that :meth:`load` has returned as a picture, (H, W, 3) RGB bytes.

        Of more than three channels the first three are shown, of two the first one, in grey. Numbers beyond those of
        bytes, or all between 0 and 1, are shown between the smallest and the largest of the image.
        """
        if isinstance(image, Tensor):
            pixels = image.permute(1, 2, 0).numpy()
        else:
            pixels = image[..., None] if image.ndim == 2 else image
            if pixels.shape[2] == 3 and not self._is_stored_order:
                pixels = pixels[..., ::-1]
        pixels = pixels[..., :3] if pixels.shape[2] >= 3 else pixels[..., :1].repeat(3, axis=2)
        if pixels.dtype != np.uint8:
            low, high = float(pixels.min()), float(pixels.max())
            if low < 0 or high > 255 or high <= 1:
                pixels = (pixels - low) / max(high - low, 1e-12) * 255
            pixels = pixels.round().astype(np.uint8)
        return np.ascontiguousarray(pixels)


def test_dataset(config: Config) -> Mapping[str, Any]:
    """Return the dataset of a config's tests: that inside of those that repeat or join others, the first of several.

    Raises:
        ValueError: The config has none.
    """
    loader = config.get("test_dataloader") or config.get("val_dataloader")
    if not loader:
        raise ValueError("the config has no test_dataloader and no val_dataloader, whose pipeline prepares the images")
    dataset = loader["dataset"]
    while "dataset" in dataset or "datasets" in dataset:
        dataset = dataset["dataset"] if "dataset" in dataset else dataset["datasets"][0]
    return dataset

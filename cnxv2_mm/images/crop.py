"""RandomResizedCrop on tensors: crop first, then resize the bytes."""

from collections.abc import Sequence
from typing import Any

import torch
from mmcv.transforms import BaseTransform
from torch import Tensor
from torchvision.transforms import InterpolationMode
from torchvision.transforms import RandomResizedCrop as TorchvisionCrop
from torchvision.transforms.v2 import functional

from cnxv2_mm.registry import TRANSFORMS


@TRANSFORMS.register_module()
class RandomResizedCrop(BaseTransform):
    """Cuts a random part out of an image and brings it to one size, bicubically and with antialiasing.

    The part covers a random share of the image's area and has a random ratio of width to height, both as in
    torchvision, whose random numbers these are: from PyTorch's default generator. mmpretrain draws from the same
    distribution with numpy. Bytes are resized as bytes, and differ from Pillow's, which the official code resizes
    with, by 1 of 255 at most where the parts are the same; other types are resized in float32.

    It reads and writes ``img``, (C, height, width), and ``img_shape``; and writes ``crop``: top, left, height and width
    of the part and then height and width of the result, in pixels. If ``img`` has not been decoded yet, (bytes,), it is
    left as it is, and the device takes the ``crop`` from there.

    Args:
        scale: Height and width of the result in pixels, or one number for both.
        crop_ratio_range: Smallest and largest share of the area, in (0, 1].
        aspect_ratio_range: Smallest and largest width / height.

    Raises:
        ValueError: A number is outside its range, or the smallest is above the largest.
    """

    def __init__(
        self,
        scale: int | Sequence[int],
        crop_ratio_range: tuple[float, float] = (0.2, 1.0),
        aspect_ratio_range: tuple[float, float] = (3 / 4, 4 / 3),
    ) -> None:
        sides = tuple(scale) if isinstance(scale, Sequence) else (scale, scale)
        if len(sides) != 2 or not all(isinstance(side, int) and side > 0 for side in sides):
            raise ValueError(
                f"RandomResizedCrop's scale={scale!r} must be one whole number of pixels, or height and width"
            )
        _check_range("crop_ratio_range", crop_ratio_range, largest=1.0)
        _check_range("aspect_ratio_range", aspect_ratio_range)
        self.scale = sides
        self.crop_ratio_range = (float(crop_ratio_range[0]), float(crop_ratio_range[1]))
        self.aspect_ratio_range = (float(aspect_ratio_range[0]), float(aspect_ratio_range[1]))

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Draw a part, cut it out and resize it."""
        # get_params asks for the size alone: an image without memory stands for one that has not been decoded.
        size = torch.empty(results["img_shape"], device="meta")
        part = TorchvisionCrop.get_params(size, list(self.crop_ratio_range), list(self.aspect_ratio_range))
        results["crop"] = (*part, *self.scale)
        if results["img"].ndim == 3:
            results["img"] = crop_and_resize(results["img"], results["crop"])
        results["img_shape"] = self.scale
        return results

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(scale={self.scale}, crop_ratio_range={self.crop_ratio_range}, "
            f"aspect_ratio_range={self.aspect_ratio_range})"
        )


def crop_and_resize(image: Tensor, crop: Sequence[int]) -> Tensor:
    """Cut a part out of an image and resize it.

    Args:
        image: (C, height, width).
        crop: Top, left, height and width of the part, then height and width of the result.

    Returns:
        (C, height, width) of the image's type, one channel after the other in memory.
    """
    top, left, height, width, *size = crop
    resized = functional.resized_crop(
        image, top, left, height, width, list(size), interpolation=InterpolationMode.BICUBIC, antialias=True
    )
    return resized.contiguous()


def _check_range(name: str, numbers: Sequence[float], largest: float = float("inf")) -> None:
    if len(numbers) != 2 or not 0 < numbers[0] <= numbers[1] <= largest:
        raise ValueError(
            f"RandomResizedCrop's {name}={numbers!r} must be the smallest and the largest number, above 0"
            + (f" and at most {largest:g}" if largest < float("inf") else "")
        )

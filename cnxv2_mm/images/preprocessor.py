"""The data preprocessor of a pre-training: what can be done to bytes on the device is done there."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmengine.model import BaseDataPreprocessor
from torch import Tensor

from cnxv2_mm.arguments import check_argument, check_count
from cnxv2_mm.images.on_device import finish_on_device
from cnxv2_mm.registry import MODELS


@MODELS.register_module()
class ImagePreprocessor(BaseDataPreprocessor):
    """Brings a batch to the device as it was read, and there repeats, flips and normalises it.

    A batch of bytes travels as bytes, a quarter of what float32 takes. It may be copied while the device computes: set
    ``pin_memory=True`` in the data loader. Flips are drawn on the device from PyTorch's default generator.

    **Repeats.** With ``repeats=R`` each image of a training batch is trained on R times in the same step, each time
    with a mask and a flip of its own, but with one crop. So one decoded image serves R times, as in MAE-ST (arXiv
    2205.09113) and Hiera (arXiv 2306.00989), whose videos are slow to decode. What it changes in a recipe:

    - A step trains on R x (the loader's batch size) images. For the recipe's step, divide the loader's batch by R.
    - The learning rate follows the images that a step trains on: base rate x R x batch x processes / 256. With the
      loader's batch divided by R it stays as it is. ``auto_scale_lr`` counts the loader's images: divide its
      ``base_batch_size`` by R.
    - An epoch of the loader trains on each image R times: divide the epochs by R. The steps stay as many.
    - The R versions of an image share their crop. A step sees fewer different images, so the gradient is noisier.

    Args:
        mean: One number for each channel, or one for all, in the units of the files (0 to 255 for bytes).
        std: The same for the standard deviation, above 0.
        flip_prob: The probability that an image is mirrored from left to right in training, in [0, 1].
        repeats: How many times an image of a training batch is trained on in the step.

    Attributes:
        mean: (C, 1, 1) float32, or (1, 1, 1).
        std: The same.

    Raises:
        ValueError: An argument is outside its range, or ``mean`` and ``std`` are not equally many.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, mean: Sequence[float], std: Sequence[float], flip_prob: float = 0.5, repeats: int = 1) -> None:
        super().__init__(non_blocking=True)
        for name, numbers in (("mean", mean), ("std", std)):
            if isinstance(numbers, str) or not isinstance(numbers, Sequence) or not numbers:
                raise ValueError(f"ImagePreprocessor's {name}={numbers!r} must be a list: a number for each channel")
        if len(mean) != len(std):
            raise ValueError(f"ImagePreprocessor's mean has {len(mean)} numbers and std {len(std)}; both need as many")
        if not all(deviation > 0 for deviation in std):
            raise ValueError(f"ImagePreprocessor's std={list(std)} must be above 0")
        check_argument("flip_prob", flip_prob, float, "a probability, 0 to 1", lambda p: 0 <= p <= 1)
        check_count("repeats", repeats)
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32).view(-1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std, dtype=torch.float32).view(-1, 1, 1), persistent=False)
        self.flip_prob = flip_prob
        self.repeats = repeats

    def forward(self, data: dict[str, Any], training: bool = False) -> dict[str, Any]:
        """Prepare a batch.

        Args:
            data: ``inputs``: (N, C, height, width) of any type, or a list of N images: (C, height, width), or the bytes
                of a JPEG where :class:`~cnxv2_mm.LoadImage` has ``decode=False``. ``data_samples``: a list of N, or
                nothing.
            training: Whether to flip and repeat.

        Returns:
            ``inputs``: (N, C, height, width) float32, in training (N * R, ...); the R versions of an image are next to
            each other. A single channel becomes as many as ``mean`` has. ``data_samples``: those of ``inputs``, as they
            were.

        Raises:
            ValueError: The images have different sizes, or a JPEG is damaged.
        """
        if not isinstance(data, Mapping):
            raise ValueError(f"a batch of type {type(data).__name__} must be a dict with 'inputs'")
        samples = data.get("data_samples")
        images = self._to_device(data["inputs"], samples)
        if training and self.repeats > 1:
            images = images.repeat_interleave(self.repeats, dim=0)
            samples = None if samples is None else [sample for sample in samples for _ in range(self.repeats)]
        if training and self.flip_prob > 0:
            flipped = torch.rand(len(images), 1, 1, 1, device=images.device) < self.flip_prob
            images = torch.where(flipped, images.flip(-1), images)
        return {"inputs": self._normalise(images), "data_samples": samples}

    def _normalise(self, images: Tensor) -> Tensor:
        """Return (images - mean) / std in float32, in memory of its own."""
        if images.shape[1] == 1:
            images = images.expand(-1, len(self.mean), -1, -1)
        # In place behind the copy: half the time of arithmetic that converts the bytes by itself.
        copied = images.to(torch.float32, copy=True, memory_format=torch.contiguous_format)
        return copied.sub_(self.mean).div_(self.std)

    def _to_device(self, inputs: Tensor | Sequence[Tensor], samples: Sequence[Any] | None) -> Tensor:
        """Return the images of a batch, (N, C, height, width), on the device."""
        if isinstance(inputs, Tensor):
            return self.cast_data(inputs)
        images = finish_on_device(inputs, samples or [], self.device)
        shapes = sorted({tuple(image.shape) for image in images})
        if len(shapes) > 1:
            raise ValueError(
                f"the images of a batch have {len(shapes)} sizes, such as {shapes[0]} and {shapes[1]}: the pipeline "
                "must bring them to one, by cnxv2_mm.RandomResizedCrop for example"
            )
        return torch.stack(images)

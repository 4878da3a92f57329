"""Which images of a folder are measured, and how they are read."""

import os
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import mmcv
import numpy as np
import torch
from torch import Tensor

ENDINGS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif")  # those of mmpretrain's CustomDataset
_SPLITS = {"train", "training", "val", "valid", "validation", "test", "testing"}
# ImageNet's statistics as RGB, by which our configs and most published weights normalise.
MEAN = (123.675, 116.28, 103.53)
STD = (58.395, 57.12, 57.375)
SEED = 0
_UNREADABLE = "cannot be read, it is damaged or of another format; remove it from the folder"


@dataclass(frozen=True)
class Images:
    """The images that are measured.

    Attributes:
        folder: Where they lie.
        files: Their paths, in the order in which they are measured.
        labels: The number of the class of each; None if the folder has no classes.
        classes: The names of the classes.
        found: How many images the folder has.
    """

    folder: Path
    files: tuple[Path, ...]
    labels: Tensor | None  # (N,)
    classes: tuple[str, ...]
    found: int

    def held_out(self) -> Tensor:
        """Return which images the k-NN and the linear probe are tested on, (N,): every fifth of each class.

        A class of two to four images gives one, a class of a single image none.
        """
        if self.labels is None:
            return torch.zeros(len(self.files), dtype=torch.bool)
        chosen = torch.zeros(len(self.files), dtype=torch.bool)
        for label in range(len(self.classes)):
            index = (self.labels == label).nonzero().flatten()
            chosen[index[1::5]] = True
        return chosen


def choose_images(folder: Path, max_images: int) -> Images:
    """Choose images of a folder, with a fixed seed: as many of each class, or of all, if it has no classes.

    The folder has classes if all its images lie in two or more folders inside it: each of them is a class, with all
    that is below it.

    Args:
        folder: Where the images lie, at any depth. Hidden files and folders are passed over.
        max_images: How many to take at most.

    Raises:
        FileNotFoundError: There is no such folder.
        ValueError: There are no images, or the folders in it are not classes but a training and a validation set.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"--data {folder} is no folder; name the folder of the images")
    groups: dict[str, list[Path]] = {}
    for path in _walk(folder):
        inside = path.relative_to(folder).parts
        groups.setdefault(inside[0] if len(inside) > 1 else "", []).append(path)
    found = sum(map(len, groups.values()))
    if not found:
        raise ValueError(f"--data {folder} has no images: no file in it, at any depth, ends in {', '.join(ENDINGS)}")
    if len(groups) > 1 and {name.lower() for name in groups} <= _SPLITS:
        raise ValueError(
            f"--data {folder} holds {', '.join(sorted(groups))}, which are no classes; name one: {folder / min(groups)}"
        )
    has_classes = len(groups) > 1 and "" not in groups
    if not has_classes:
        groups = {"": [path for paths in groups.values() for path in paths]}
    shuffle = random.Random(SEED).shuffle
    classes = sorted(groups)
    for name in classes:
        groups[name].sort()
        shuffle(groups[name])
    # One of each class in turn, until there are enough.
    longest = max(map(len, groups.values()))
    turns = [
        (groups[name][turn], label)
        for turn in range(longest)
        for label, name in enumerate(classes)
        if turn < len(groups[name])
    ][:max_images]
    files, labels = zip(*turns, strict=True)
    if has_classes and len(set(labels)) < 2:
        raise ValueError(f"max_images={max_images} leaves images of one class; take at least {len(classes)}")
    return Images(folder, files, torch.tensor(labels) if has_classes else None, tuple(classes) * has_classes, found)


def read_pixels(path: Path, size: int, in_channels: int) -> np.ndarray:
    """Read an image, scale its shorter side to ``size`` and cut out the middle.

    Returns:
        (size, size, in_channels) bytes: RGB, or grey.

    Raises:
        ValueError: The file is no image that can be read.
    """
    try:
        image = mmcv.imread(str(path), flag="color" if in_channels == 3 else "grayscale")  # (H, W, BGR) or (H, W)
    except Exception as error:  # damaged bytes make a decoder fail in any way
        raise ValueError(f"image {str(path)!r} {_UNREADABLE} ({error})") from error
    if image is None:
        raise ValueError(f"image {str(path)!r} {_UNREADABLE}")
    height, width = image.shape[:2]
    scale = size / min(height, width)
    shape = (max(size, round(width * scale)), max(size, round(height * scale)))
    image = mmcv.imresize(image, shape, interpolation="area" if scale < 1 else "bicubic", backend="cv2")
    top, left = (image.shape[0] - size) // 2, (image.shape[1] - size) // 2
    return image[top : top + size, left : left + size].reshape(size, size, in_channels)[..., ::-1]  # BGR -> RGB


class Normalisation:
    """From bytes to what a network was trained on, and back.

    Args:
        in_channels: Number of channels of the network, 1 or 3.
        mean: One number for each channel, or one for all; None for ImageNet's (grey: the average of the three).
        std: The same for the deviation.

    Raises:
        ValueError: The network has another number of channels, or ``mean`` or ``std`` has.
    """

    def __init__(
        self, in_channels: int, mean: Sequence[float] | None = None, std: Sequence[float] | None = None
    ) -> None:
        if in_channels not in (1, 3):
            raise ValueError(
                f"the network takes images of {in_channels} channels, and only grey and RGB files are read; "
                "measure it with cnxv2_mm.analysis on images that you read yourself"
            )
        self.in_channels = in_channels
        self.mean = self._per_channel("mean", mean, MEAN)
        self.std = self._per_channel("std", std, STD)
        if not (self.std > 0).all():
            raise ValueError(f"--std {std} must be above 0")

    def _per_channel(self, name: str, given: Sequence[float] | None, usual: Sequence[float]) -> Tensor:
        values = torch.tensor(usual if given is None else given, dtype=torch.float32)
        if given is None and self.in_channels == 1:
            values = values.mean(dim=0, keepdim=True)
        if len(values) not in (1, self.in_channels):
            raise ValueError(
                f"--{name} has {len(values)} numbers; give one, or one for each of {self.in_channels} channels"
            )
        return values.expand(self.in_channels).view(-1, 1, 1)

    def apply(self, pixels: np.ndarray) -> Tensor:
        """Turn (N, H, W, C) bytes into (N, C, H, W) numbers."""
        return (torch.from_numpy(pixels).permute(0, 3, 1, 2) - self.mean) / self.std

    def undo(self, images: Tensor) -> np.ndarray:
        """Turn (N, C, H, W) numbers into (N, H, W, C) bytes."""
        pixels = (images.cpu() * self.std + self.mean).round().clamp(0, 255)
        return pixels.permute(0, 2, 3, 1).to(torch.uint8).numpy()


def read_batches(images: Images, size: int, batch_size: int, normalisation: Normalisation) -> Iterator[Tensor]:
    """Yield the images in their order, (N, C, size, size), normalised."""
    for start in range(0, len(images.files), batch_size):
        files = images.files[start : start + batch_size]
        yield normalisation.apply(np.stack([read_pixels(file, size, normalisation.in_channels) for file in files]))


def _walk(folder: Path) -> Iterator[Path]:
    """Yield the images of a folder at any depth, hidden ones left out."""
    for place, folders, files in os.walk(folder, followlinks=True):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            if not name.startswith(".") and name.lower().endswith(ENDINGS):
                yield Path(place, name)

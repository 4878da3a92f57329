"""Image files of every kind that a folder of a user may hold, written by Pillow and tifffile from real photographs."""

from pathlib import Path

import numpy as np
from PIL import Image
from skimage import data


def photograph(height: int = 60, width: int = 80) -> Image.Image:
    """A cut of a cat, of any size up to 300 x 451: no side of it is the same as another."""
    return Image.fromarray(data.chelsea()[:height, :width])


def save(path: Path, picture: Image.Image | None = None, **options) -> Path:
    (picture or photograph()).save(path, **options)
    return path


def oriented(path: Path, orientation: int) -> Path:
    exif = Image.Exif()
    exif[274] = orientation
    return save(path, exif=exif)


def pixels(picture: Image.Image) -> np.ndarray:
    """What Pillow decoded: (C, H, W)."""
    array = np.asarray(picture)
    return array[None] if array.ndim == 2 else array.transpose(2, 0, 1)

"""Backgrounds: crops of the photographs that ship inside scikit-image and scikit-learn.

The files are read from the installed packages, never downloaded. Training and validation use different
photographs, so that a validation score is never earned by remembering a background.
"""

from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

Split = Literal["train", "val"]

# Photographs only: no drawings, no pages of text (their letters would be unlabelled digits), and of the
# stereo pair one half. The validation ones are an animal, coins and a texture.
PHOTOGRAPHS: dict[Split, dict[str, tuple[str, ...]]] = {
    "train": {
        "skimage": (
            "data/astronaut.png",
            "data/brick.png",
            "data/camera.png",
            "data/coffee.png",
            "data/grass.png",
            "data/hubble_deep_field.jpg",
            "data/ihc.png",
            "data/motorcycle_left.png",
            "data/retina.jpg",
            "data/rocket.jpg",
        ),
        "sklearn": ("datasets/images/flower.jpg",),
    },
    "val": {"skimage": ("data/chelsea.png", "data/coins.png", "data/gravel.png")},
}
# Validation photographs in the public domain, and where that is written. The contact sheet, which README.md shows, has
# no others. Of the coins, skimage.data.coins says "no known copyright restrictions", which is less.
PUBLIC_DOMAIN = {
    "data/chelsea.png": "CC0 by the photographer, Stefan van der Walt: docstring of skimage.data.chelsea",
    "data/gravel.png": "CC0, from CC0Textures: docstring of skimage.data.gravel",
}


def load_photographs(split: Split) -> list[np.ndarray]:
    """Return the photographs of one split as (H, W, 3) RGB bytes, in a fixed order.

    Raises FileNotFoundError when an installed package does not hold a photograph it is known to ship.
    """
    return [_read(package, name) for package, names in PHOTOGRAPHS[split].items() for name in names]


def random_background(photographs: list[np.ndarray], size: int, rng: np.random.Generator) -> np.ndarray:
    """Return a square crop of a random photograph: a fifth to a half of its shorter side, resized to ``size`` pixels.

    Half of the crops are mirrored; brightness varies by a factor of 0.7 to 1.2.
    """
    photograph = photographs[rng.integers(len(photographs))]
    height, width = photograph.shape[:2]
    side = int(min(height, width) * rng.uniform(0.2, 0.5))
    top, left = rng.integers(height - side + 1), rng.integers(width - side + 1)
    crop = photograph[top : top + side, left : left + side]
    if rng.random() < 0.5:
        crop = crop[:, ::-1]
    interpolation = cv2.INTER_AREA if side > size else cv2.INTER_CUBIC
    crop = cv2.resize(np.ascontiguousarray(crop), (size, size), interpolation=interpolation)
    return np.clip(crop * rng.uniform(0.7, 1.2), 0, 255).astype(np.uint8)


def _read(package: str, name: str) -> np.ndarray:
    # find_spec locates the package without the second that importing it would take.
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"the demo's photographs need {package}: pip install -r requirements.txt")
    path = Path(spec.origin).parent / name
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise FileNotFoundError(
            f"{path} is missing or unreadable; the demo expects the photographs that ship with the versions "
            f"in requirements.txt: pip install --force-reinstall --no-deps -r requirements.txt"
        )
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)

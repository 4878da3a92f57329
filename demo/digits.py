"""Foregrounds: the handwritten digits of scikit-learn, real 8 x 8 scans, enlarged to smooth shapes."""

from dataclasses import dataclass

import cv2
import numpy as np
from sklearn.datasets import load_digits

from demo.photographs import Split

CLASSES = tuple(str(digit) for digit in range(10))
# Share of each digit's scans kept for validation.
VAL_SHARE = 0.2


@dataclass(frozen=True)
class Scans:
    """Some of the 1797 scans.

    ``index`` is each scan's place in ``sklearn.datasets.load_digits()``, ``digit`` its class 0..9 and ``ink``
    (N, 8, 8) how dark each pixel is, 0..1.
    """

    index: np.ndarray
    digit: np.ndarray
    ink: np.ndarray


def load_scans(split: Split, seed: int) -> Scans:
    """Return the scans of one split: of every digit a fifth, drawn by ``seed``, is validation and the rest training."""
    digits = load_digits()
    rng = np.random.default_rng(seed)
    chosen = []
    for digit in range(10):
        of_class = rng.permutation(np.flatnonzero(digits.target == digit))
        val_count = round(len(of_class) * VAL_SHARE)
        chosen.append(of_class[:val_count] if split == "val" else of_class[val_count:])
    index = np.sort(np.concatenate(chosen))
    return Scans(index=index, digit=digits.target[index], ink=digits.images[index].astype(np.float32) / 16)


def draw_digit(ink: np.ndarray, size: int) -> np.ndarray:
    """Enlarge an 8 x 8 scan to opacity 0..1 with soft edges, cut to the digit, its longer side ``size`` pixels."""
    # A blank rim keeps strokes at the scan's edge closed; 16 pixels for each of its own keep the outline smooth.
    large = cv2.resize(np.pad(ink, 1), None, fx=16, fy=16, interpolation=cv2.INTER_CUBIC)
    opacity = np.clip((large - 0.3) / 0.35, 0, 1)
    rows, columns = np.flatnonzero(opacity.any(axis=1)), np.flatnonzero(opacity.any(axis=0))
    opacity = opacity[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    height, width = (max(1, round(side * size / max(opacity.shape))) for side in opacity.shape)
    return np.clip(cv2.resize(opacity, (width, height), interpolation=cv2.INTER_AREA), 0, 1)

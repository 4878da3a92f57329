"""One label map as mmseg reads it: how many pixels have which label."""

from dataclasses import dataclass
from pathlib import Path

import mmcv
import numpy as np

LABELS = 256  # a label is a byte in mmseg
_COLOURS = "holds colours {shape}, not numbers: write one class number a pixel (0, 1, 2, ...), 255 for none, as a PNG"


@dataclass(frozen=True)
class LabelMapFile:
    """What a label map holds.

    Attributes:
        height: In pixels.
        width: In pixels.
        counts: (256,), how many pixels have each label.
    """

    height: int
    width: int
    counts: np.ndarray


class UnusableLabels(ValueError):
    """A label map that can be read, and whose content is not what it must be: others will be like it."""


def read_label_map(file: Path) -> LabelMapFile:
    """Read a label map. A PNG with a palette holds the numbers, not the colours that they are shown in.

    Raises:
        UnusableLabels: It holds colours, or numbers that a byte cannot hold.
        ValueError: It is empty, or no image.
        OSError: It cannot be opened, or is damaged.
    """
    content = file.read_bytes()
    if not content:
        raise ValueError("is empty (0 bytes)")
    labels = np.squeeze(mmcv.imfrombytes(content, flag="unchanged", backend="pillow"))
    if labels.ndim != 2:
        raise UnusableLabels(_COLOURS.format(shape=labels.shape))
    if labels.dtype.kind not in ("b", "u", "i"):
        raise UnusableLabels(f"holds numbers of type {labels.dtype}: write whole numbers, 0 to 255")
    if labels.dtype.itemsize > 1 and (labels.min() < 0 or labels.max() >= LABELS):
        raise UnusableLabels(f"holds labels from {labels.min()} to {labels.max()}: mmseg reads 0 to 255 alone")
    counts = np.bincount(labels.ravel().astype(np.uint8), minlength=LABELS)
    return LabelMapFile(labels.shape[0], labels.shape[1], counts)

"""What a model finds in some images of the validation, beside the truth: again after every validation."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner
from PIL import Image

from cnxv2_mm.arguments import check_count
from cnxv2_mm.images.read import read_image
from cnxv2_mm.prediction.drawing import draw_prediction, draw_truth
from cnxv2_mm.registry import HOOKS
from cnxv2_mm.training.monitoring.show_picture import show_picture

_SIDE = 448  # pixels: the longer side of a picture on the sheet
_GAP = 8  # pixels, white
_IN_A_ROW = 2  # pairs of truth and prediction
_WHITE = 255


@HOOKS.register_module()
class PredictionSheetHook(Hook):
    """Gives the visualizer a picture after each validation, ``predictions``: pairs of truth and prediction.

    On the left of a pair is an image with what its labels say, on the right with what the model finds. For models of
    mmdet, mmseg and mmpretrain: boxes and masks, label maps, classes. The images are spread evenly over the validation,
    since class folders are read one class after another. The outputs of the validation itself are drawn, and its
    numbers stay the same. Of several processes the first one draws, of the images that it has.

    Images are read again from their files. Of files with more or fewer than three channels, or whose values are no
    bytes, the first channels are drawn, between their smallest and largest value.

    Args:
        num_images: How many images there are in the picture.

    Raises:
        ValueError: ``num_images`` is not a whole number, or is less than 1.
    """

    priority = 80  # as the hooks that look at held-out images; before the page of the run is written

    def __init__(self, num_images: int = 8) -> None:
        check_count("PredictionSheetHook's num_images", num_images)
        self.num_images = num_images
        self._pairs: list[tuple[np.ndarray, np.ndarray]] = []
        self._warned = False

    def before_val_epoch(self, runner: Runner) -> None:
        """Begin with an empty sheet."""
        self._pairs = []
        self._seen = 0
        self._wanted = _spread(len(runner.val_dataloader.sampler), self.num_images)

    def after_val_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Sequence[Any] | None = None
    ) -> None:
        """Draw the wanted images of the batch."""
        if not is_main_process():
            return
        classes = (getattr(runner.val_dataloader.dataset, "metainfo", None) or {}).get("classes", ())
        for sample in outputs or ():
            self._seen += 1
            if self._seen - 1 not in self._wanted:
                continue
            try:
                image = _image_of(sample)
                self._pairs.append((draw_truth(image, sample, classes), draw_prediction(image, sample, classes)))
            except (ValueError, OSError, AttributeError) as error:  # no training is lost for a picture
                self._warn(runner, error)

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Hand the sheet to the visualizer."""
        if self._pairs:
            show_picture(runner, "predictions", sheet(self._pairs), int(runner.iter))
            self._pairs = []

    def _warn(self, runner: Runner, error: Exception) -> None:
        if not self._warned:
            runner.logger.warning(f"PredictionSheetHook leaves images out that it cannot draw, such as: {error}")
            self._warned = True


def _spread(total: int, number: int) -> frozenset[int]:
    """Return ``number`` of the positions 0 to ``total`` - 1 at equal distances; all, if there are no more."""
    number = min(number, total)
    return frozenset((2 * i + 1) * total // (2 * number) for i in range(number))


def sheet(pairs: Sequence[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Put pairs of pictures together, two pairs in a row.

    Args:
        pairs: Truth and prediction, each of (height, width, 3) RGB bytes.

    Returns:
        (rows of pixels, columns of pixels, 3) RGB bytes. The longer side of a picture has 448 pixels, if it had more.
    """
    small = [tuple(_shrink(picture) for picture in pair) for pair in pairs]
    width = max(picture.shape[1] for pair in small for picture in pair)
    rows = []
    for start in range(0, len(small), _IN_A_ROW):
        row = [picture for pair in small[start : start + _IN_A_ROW] for picture in pair]
        height = max(picture.shape[0] for picture in row)
        cells = np.full((height, 2 * min(_IN_A_ROW, len(small)) * (width + _GAP) - _GAP, 3), _WHITE, np.uint8)
        for place, picture in enumerate(row):
            left = place * (width + _GAP)
            cells[: picture.shape[0], left : left + picture.shape[1]] = picture
        rows += [cells, np.full((_GAP, cells.shape[1], 3), _WHITE, np.uint8)]
    return np.concatenate(rows[:-1])


def _image_of(sample: Any) -> np.ndarray:
    """Return the image of a sample from its file, (height, width, 3) RGB bytes, in the size that its boxes are for."""
    path = sample.metainfo.get("img_path")
    if path is None:
        raise ValueError("a data sample without img_path: let the validation's pipeline keep it (meta_keys)")
    image = read_image(path)
    image = image[[0, 1, 2]] if len(image) >= 3 else image[[0, 0, 0]]
    if image.dtype != torch.uint8:
        low, high = image.min(), image.max()
        image = ((image - low) / (high - low).clamp(min=1e-12) * 255).round().byte()
    return image.permute(1, 2, 0).contiguous().numpy()


def _shrink(picture: np.ndarray) -> np.ndarray:
    height, width = picture.shape[:2]
    factor = _SIDE / max(height, width)
    if factor >= 1:
        return picture
    size = (max(1, math.floor(width * factor)), max(1, math.floor(height * factor)))
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS))

"""The sizes of a segmenter: images, crops, channels, weights of the classes. Each follows from data or backbone.

Where the data looks like ADE20K, the rules give the crops and the test of ConvNeXt's recipe for it.
"""

from dataclasses import dataclass

import numpy as np

from cnxv2_mm.recipes.data.label_maps import LabelMaps
from cnxv2_mm.recipes.finetuning.start import Start
from cnxv2_mm.recipes.settings import Setting

STRIDE = 32  # pixels of a cell of the last stage
_CROP = 512  # ConvNeXt's for ADE20K
_LONG = 4  # the longer side of a resized image, in units of the shorter one: mmseg's 2048 by 512
# Images with a shorter side from here on are zoomed as in mmseg's recipes; smaller ones show one thing at one size.
_LARGE_IMAGES = 128
_WIDTH = 512  # UperNet's in all published recipes
# From this share of all labelled pixels on, a class is weighed down: a short training would label everything so.
_DOMINANT = 0.5
_LEAST_WEIGHT, _MOST_WEIGHT = 0.1, 10.0


@dataclass(frozen=True)
class SegmenterSizes:
    """The sizes of a segmenter.

    Attributes:
        crop: The side of the squares that are trained on, in pixels.
        short: The shorter side to which images are resized, in pixels, for training times ``zoom``.
        resize: Whether images are resized at all for validation.
        zoom: By which factors they are resized more in training.
        alike: Whether all images for validation have one size, so that several make a batch.
        slide: Whether a prediction is put together from crops; else the whole image is seen at once.
        width: Number of channels of the heads.
        class_weight: The weight of each class in the loss; None for equal ones.
        settings: All this with its reasons.
    """

    crop: int
    short: int
    resize: bool
    zoom: tuple[float, float]
    alike: bool
    slide: bool
    width: int
    class_weight: tuple[float, ...] | None
    settings: tuple[Setting, ...]

    @property
    def scale(self) -> tuple[int, int]:
        """(long, short): how long the sides of an image may be when it is resized, in pixels."""
        return _LONG * self.short, self.short

    @property
    def slide_stride(self) -> int:
        """Pixels from one crop of a prediction to the next: two thirds of a crop, as in ConvNeXt's recipe."""
        return self.crop * 2 // 3


def choose_sizes(data: LabelMaps, start: Start, size: int | None = None) -> SegmenterSizes:
    """Choose the sizes of a segmenter.

    Args:
        data: The data.
        start: The backbone.
        size: The side of the crops in pixels, if the user says it.
    """
    sides = data.image_sizes.min(axis=1)
    median = float(np.median(sides))
    crop = size or min(_CROP, max(STRIDE, STRIDE * round(median / STRIDE)))
    short = 2 * crop if median >= 2 * crop else crop
    large = median >= _LARGE_IMAGES
    slide = short > crop
    resize = bool((sides != short).any() or (data.val_sizes.min(axis=1) != short).any())
    zoom = (0.5, 2.0) if large else (0.8, 1.25)
    width = head_width(start)
    weights, why_weights = class_weights(data)
    seen = f"shorter side {short} pixels, times {zoom[0]} to {zoom[1]} in training, crops of {crop}"
    return SegmenterSizes(
        crop=crop,
        short=short,
        resize=resize,
        zoom=zoom,
        alike=len(np.unique(data.val_sizes, axis=0)) == 1,
        slide=slide,
        width=width,
        class_weight=weights,
        settings=(
            Setting(
                "image size", seen, "--size" if size else f"the median image has a shorter side of {median:.0f} pixels"
            ),
            Setting(
                "prediction",
                f"from overlapping crops of {crop} pixels" if slide else "the whole image at once",
                "images are larger than a crop" if slide else "images are about as large as a crop",
            ),
            Setting(
                "channels of the heads", str(width), f"so that they cost about what the backbone does; {_WIDTH} at most"
            ),
            Setting("weights of the classes", _as_text(weights), why_weights),
        ),
    )


def head_width(start: Start) -> int:
    """Return the number of channels of UperNet: 1.5 times those of the first stage, in steps of 32, from 32 to 512.

    With w channels UperNet multiplies about 48 w^2 numbers for each cell of stride 4. This is what the backbone does
    for w = 60 in atto and w = 170 in tiny. The published 512 are 9 times that for tiny.

    Args:
        start: The backbone.
    """
    return min(_WIDTH, max(STRIDE, start.channels[0] * 3 // 2 // 32 * 32))


def class_weights(data: LabelMaps) -> tuple[tuple[float, ...] | None, str]:
    """Return the weight of each class in the loss, or None for equal ones, and why.

    Where one class has more than half of all labelled pixels, it is median frequency balancing (Eigen and Fergus, ICCV
    2015): the frequency of a class is its share of the pixels in those label maps that show it, and its weight is the
    median of all frequencies, divided by its own. Weights are kept within 0.1 to 10, and a class that is nowhere has 1.

    Args:
        data: The data.
    """
    share = data.pixels.max() / data.pixels.sum()
    if share <= _DOMINANT:
        return None, f"no class has more than {_DOMINANT:.0%} of the pixels"
    shown = data.pixels > 0
    frequency = data.pixels[shown] / data.pixels_where_present[shown]
    weights = np.ones(len(data.pixels))
    weights[shown] = np.clip(np.median(frequency) / frequency, _LEAST_WEIGHT, _MOST_WEIGHT)
    name = data.classes[int(data.pixels.argmax())]
    return (
        tuple(float(f"{weight:.3g}") for weight in weights),
        f"{name} has {share:.0%} of the pixels: median frequency balancing (Eigen and Fergus, 2015)",
    )


def _as_text(weights: tuple[float, ...] | None) -> str:
    if weights is None:
        return "equal"
    return f"{min(weights):g} to {max(weights):g}"

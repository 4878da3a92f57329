"""The sizes of a detector: images, anchors, channels, proposals. Each follows from the data or the backbone by a rule.

Where the data looks like COCO and the backbone is a large one, the rules give mmdet's numbers for COCO.
"""

from dataclasses import dataclass
from math import ceil, floor, log2, sqrt

import numpy as np

from cnxv2_mm.recipes.data.coco import CocoData
from cnxv2_mm.recipes.finetuning.start import Start
from cnxv2_mm.recipes.settings import Setting

# mmdet's scale for COCO: the shorter side of an image, if the longer one does not become longer than this.
_SHORT, _LONG = 800, 1333
_WIDTH = 256
_ANCHOR_SCALE = 8  # of the stride: 32 to 512 pixels on strides 4 to 64
_FIRST_STRIDE, _LAST_STRIDE = 4, 64
_RATIOS = (0.5, 1.0, 2.0)
# Images with a shorter side from here on are zoomed as in large-scale jittering, and cropped.
_LARGE_IMAGES = 400


@dataclass(frozen=True)
class DetectorSizes:
    """The sizes of a detector.

    Attributes:
        scale: (long, short): how long the sides of an image may be when it is resized, in pixels.
        zoom: By which factors it is resized more in training.
        crop: The side of the square that is cropped from it then, in pixels; 0 for none.
        width: Number of channels of FPN and heads.
        fc_width: Number of channels of the box head's hidden layers.
        mask_convs: Number of convolutions of the mask head.
        anchor_scales: Sides of the anchors in units of the stride.
        anchor_ratios: Heights of the anchors in units of their widths.
        proposals: How many regions the RPN proposes in an image.
        samples: How many of them are trained on in an image.
        detections: How many objects are predicted in an image at most.
        settings: All this with its reasons.
    """

    scale: tuple[int, int]
    zoom: tuple[float, float]
    crop: int
    width: int
    fc_width: int
    mask_convs: int
    anchor_scales: tuple[int, ...]
    anchor_ratios: tuple[float, ...]
    proposals: int
    samples: int
    detections: int
    settings: tuple[Setting, ...]


def choose_sizes(coco: CocoData, start: Start, size: int | None = None) -> DetectorSizes:
    """Choose the sizes of a detector.

    Args:
        coco: The data.
        start: The backbone.
        size: The shorter side of the images in pixels, if the user says it.
    """
    median = np.median(np.sort(coco.image_sizes, axis=1), axis=0)  # (2,) shorter and longer side
    short = size or floor(min(_SHORT, _LONG / median[1] * median[0], median[0]))
    scale = (ceil(short * _LONG / _SHORT), short)
    large = short >= _LARGE_IMAGES
    crop = 32 * ceil(short * sqrt(median[1] / median[0]) / 32) if large else 0
    zoom = (0.5, 2.0) if large else (0.8, 1.2)
    boxes = coco.box_sizes * _factors(coco.image_sizes, scale)[coco.box_images][:, None]
    smallest, largest = np.percentile(np.sqrt(boxes.prod(axis=1)), (10, 90))
    scales = _anchor_scales(smallest, largest)
    ratios = _anchor_ratios(boxes[:, 1] / boxes[:, 0])
    width = min(_WIDTH, start.channels[1])
    most = int(np.ceil(np.percentile(np.bincount(coco.box_images), 99)))
    proposals = _between(100, 20 * most, 1000)
    samples = _between(64, 2 ** ceil(log2(12 * most)), 512)
    detections = _between(20, 2 * most, 1000) if most > 50 else _between(20, 2 * most, 100)
    sides = f"{median[0]:.0f} x {median[1]:.0f}"
    objects = f"{most} objects in an image (99th percentile)"
    return DetectorSizes(
        scale=scale,
        zoom=zoom,
        crop=crop,
        width=width,
        fc_width=4 * width,
        mask_convs=4 if width >= _WIDTH // 2 else 2,
        anchor_scales=scales,
        anchor_ratios=ratios,
        proposals=proposals,
        samples=samples,
        detections=detections,
        settings=(
            Setting(
                "image size",
                f"shorter side {short} pixels, times {zoom[0]} to {zoom[1]} in training"
                + (f", crops of {crop}" if crop else ""),
                "--size" if size else f"the median image is {sides}, COCO's are made {_SHORT} by {_LONG} at most",
            ),
            Setting(
                "anchors",
                f"{_FIRST_STRIDE * scales[0]} to {_LAST_STRIDE * scales[-1]} pixels, ratios {ratios}",
                f"80 % of the objects are {smallest:.0f} to {largest:.0f} pixels large (root of the area)"
                + (", as in COCO" if (scales, ratios) == ((_ANCHOR_SCALE,), _RATIOS) else ""),
            ),
            Setting("channels of FPN and heads", str(width), f"those of the stride-8 map, {_WIDTH} at most"),
            Setting(
                "proposals, samples, detections",
                f"{proposals}, {samples}, {detections} per image",
                f"20, 12 and 2 times {objects}, within limits",
            ),
        ),
    )


def _factors(sizes: np.ndarray, scale: tuple[int, int]) -> np.ndarray:
    """Return (N,) by how much mmdet resizes images of these sizes (N, 2)."""
    return np.minimum(scale[0] / sizes.max(axis=1), scale[1] / sizes.min(axis=1))


def _anchor_scales(smallest: float, largest: float) -> tuple[int, ...]:
    """Return the sides of anchors in units of the stride, so that each object is near one: within a factor of 1.4."""
    fitting = floor(log2(max(smallest * sqrt(2) / _FIRST_STRIDE, 1)))
    scales = [min(2**fitting, _ANCHOR_SCALE)]
    while _LAST_STRIDE * scales[-1] * sqrt(2) < largest:
        scales.append(2 * scales[-1])
    return tuple(scales)


def _anchor_ratios(ratios: np.ndarray) -> tuple[float, ...]:
    """Return heights by widths of anchors: mmdet's, with flatter or steeper ones where a tenth of the objects is so."""
    low, high = np.percentile(ratios, (10, 90))
    return (*([0.25] if low < 1 / 3 else []), *_RATIOS, *([4.0] if high > 3 else []))


def _between(least: int, number: int, most: int) -> int:
    return min(max(least, number), most)

"""One picture by which a person can judge the demo: originals, what was hidden, and what every model says."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from demo.predictions import Objects, PictureExample, SceneExample

# Detections less certain than this are not drawn, as in mmdet's own demos.
MIN_SCORE = 0.3
# Colours of the digits 0..9 in detections and segmentations alike.
COLOURS = np.array(
    [
        (230, 25, 75),
        (60, 180, 75),
        (255, 225, 25),
        (0, 100, 220),
        (245, 130, 48),
        (145, 30, 180),
        (70, 220, 240),
        (240, 50, 230),
        (190, 240, 70),
        (250, 170, 170),
    ],
    np.uint8,
)
# Share of the image that a region covers at least to be named.
MIN_REGION = 0.02
HIDDEN_GREY = 128
SCENE_COLUMNS = (
    "original",
    "visible to the encoder",
    "FCMAE: hidden painted",
    "Mask R-CNN: truth",
    "Mask R-CNN: predicted",
)
PICTURES_PER_ROW = 10
# Inches, at DPI pixels each.
WIDTH = 10.0
TEXT = 0.3
DPI = 100


def draw_sheet(scenes: Sequence[SceneExample], pictures: Sequence[PictureExample], path: Path) -> None:
    """Draw a row for each scene and below them the pictures, three panels each, and write the sheet as a PNG."""
    strips = [pictures[start : start + PICTURES_PER_ROW] for start in range(0, len(pictures), PICTURES_PER_ROW)]
    scenes_height = len(scenes) * WIDTH / len(SCENE_COLUMNS) + TEXT
    pictures_height = len(strips) * (3 * WIDTH / PICTURES_PER_ROW + TEXT) + 2 * TEXT
    figure = Figure(figsize=(WIDTH, scenes_height + pictures_height + 2 * TEXT), dpi=DPI, layout="constrained")
    figure.suptitle(
        "Validation: digit scans and photographs that no training has seen\n"
        "FCMAE predicts the pattern of hidden patches; their mean and contrast are those of the original",
        fontsize=12,
    )
    halves: Any = figure.subfigures(2, 1, height_ratios=(scenes_height, pictures_height))
    upper, lower = halves
    rows = upper.subplots(len(scenes), len(SCENE_COLUMNS), squeeze=False)
    for ax, title in zip(rows[0], SCENE_COLUMNS, strict=True):
        ax.set_title(title, fontsize=11)
    for axes, scene in zip(rows, scenes, strict=True):
        _draw_scene(axes, scene)
    lower.suptitle(
        "Classification: predicted digit and its probability, red where wrong. Below: UperNet's truth and prediction",
        fontsize=11,
    )
    rows = lower.subplots(3 * len(strips), PICTURES_PER_ROW, squeeze=False)
    for ax in rows.ravel():
        ax.set_axis_off()
    for number, strip in enumerate(strips):
        for column, picture in enumerate(strip):
            _draw_picture(rows[3 * number : 3 * number + 3, column], picture)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    # Without an alpha channel and with all of zlib's effort: a file that a page can show.
    Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3]).save(path, optimize=True)


def hide(image: np.ndarray, visible: np.ndarray) -> np.ndarray:
    """Return the (H, W, 3) image with the patches that are not in ``visible`` (h, w) in grey."""
    patch = image.shape[0] // visible.shape[0]
    seen = visible.repeat(patch, axis=0).repeat(patch, axis=1)
    return np.where(seen[..., None], image, np.uint8(HIDDEN_GREY))


def fade(image: np.ndarray) -> np.ndarray:
    """Return the (H, W, 3) image in dark grey, so that nothing in it is mistaken for a colour laid over it."""
    grey = image.mean(axis=2, keepdims=True) * 0.6
    return grey.repeat(3, axis=2).astype(np.uint8)


def tint(image: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the faded image with the pixels of a digit (labels 1..10) in its colour."""
    return np.where(labels[..., None] > 0, COLOURS[np.maximum(labels, 1) - 1], fade(image))


def _draw_scene(axes: Sequence[Axes], scene: SceneExample) -> None:
    faded = fade(scene.image)
    images = (scene.image, hide(scene.image, scene.visible), scene.reconstruction, faded, faded)
    for ax, image in zip(axes, images, strict=True):
        ax.imshow(image, interpolation="nearest")
        ax.set_axis_off()
    _draw_objects(axes[3], scene.true_objects, with_scores=False)
    _draw_objects(axes[4], scene.objects, with_scores=True)


def _draw_objects(ax: Axes, objects: Objects, with_scores: bool) -> None:
    for box, mask, digit, score in zip(objects.boxes, objects.masks, objects.classes, objects.scores, strict=True):
        if score < MIN_SCORE:
            continue
        colour = COLOURS[digit] / 255
        overlay = np.zeros((*mask.shape, 4))
        overlay[mask] = (*colour, 0.75)
        ax.imshow(overlay, interpolation="nearest")
        left, top, right, bottom = box
        ax.add_patch(Rectangle((left, top), right - left, bottom - top, fill=False, edgecolor=colour, linewidth=1.5))
        text = f"{digit}  {score:.2f}" if with_scores else f"{digit}"
        _write(ax, left, max(top, 8), text, colour, "bottom", "left")


def _label_regions(ax: Axes, labels: np.ndarray) -> None:
    # Every connected region is named at its middle; a few stray pixels are not.
    for label in np.unique(labels[labels > 0]):
        _, _, statistics, centres = cv2.connectedComponentsWithStats((labels == label).astype(np.uint8))
        for (*_, area), (x, y) in list(zip(statistics, centres, strict=True))[1:]:  # the first is all the rest
            if area >= MIN_REGION * labels.size:
                _write(ax, x, y, f"{label - 1}", COLOURS[label - 1] / 255, "center", "center")


def _write(ax: Axes, x: float, y: float, text: str, colour: np.ndarray, vertical: str, horizontal: str) -> None:
    ax.text(
        x,
        y,
        text,
        color="black",
        fontsize=8,
        va=vertical,
        ha=horizontal,
        clip_on=True,
        bbox={"facecolor": colour, "edgecolor": "none", "pad": 1.0},
    )


def _draw_picture(axes: Sequence[Axes], picture: PictureExample) -> None:
    above, truth, predicted = axes
    above.imshow(picture.image, interpolation="nearest")
    right = picture.predicted_class == picture.true_class
    text = f"{picture.predicted_class}  {picture.probability:.2f}" + ("" if right else f", is {picture.true_class}")
    above.set_title(text, fontsize=10, color="green" if right else "red", pad=2)
    for ax, labels in ((truth, picture.true_labels), (predicted, picture.labels)):
        ax.imshow(tint(picture.image, labels), interpolation="nearest")
        _label_regions(ax, labels)

"""One picture by which a person can judge the demo: originals, what was hidden, and what every model says."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from demo_parts.predictions import Objects, PictureExample, SceneExample

# Detections less certain than this are not drawn.
MIN_SCORE = 0.5
# Colours of the digits 0..9 in detections and segmentations alike.
COLOURS = (np.array(mpl.colormaps["tab10"].colors) * 255).astype(np.uint8)
HIDDEN_GREY = 128
COLUMNS = (
    "original",
    "visible to the encoder",
    "FCMAE: hidden painted",
    "Mask R-CNN: truth",
    "Mask R-CNN: predicted",
    "UperNet: truth",
    "UperNet: predicted",
)
PICTURES_PER_ROW = 10
# Inches, at DPI pixels each.
PANEL = 2.1
DPI = 100


def draw_sheet(scenes: Sequence[SceneExample], pictures: Sequence[PictureExample], path: Path) -> None:
    """Draw a row for each scene, below them the classified pictures, and write the sheet as a PNG."""
    picture_rows = -(-len(pictures) // PICTURES_PER_ROW)
    width = PANEL * len(COLUMNS)
    picture_height = width / PICTURES_PER_ROW + 0.2  # room for a line of text
    heights = [PANEL * len(scenes) + 0.3, picture_height * picture_rows + 0.3]
    figure = Figure(figsize=(width, sum(heights) + 0.6), dpi=DPI, layout="constrained")
    figure.suptitle("Validation: digit scans and photographs that no training has seen", fontsize=13)
    upper, lower = figure.subfigures(2, 1, height_ratios=heights)
    for row, (axes, scene) in enumerate(
        zip(upper.subplots(len(scenes), len(COLUMNS), squeeze=False), scenes, strict=True)
    ):
        _draw_scene(axes, scene)
        if row == 0:
            for ax, title in zip(axes, COLUMNS, strict=True):
                ax.set_title(title, fontsize=11)
    lower.suptitle("Classification: predicted digit and its probability, red where wrong", fontsize=11)
    panels = lower.subplots(picture_rows, PICTURES_PER_ROW, squeeze=False).ravel()
    for ax in panels:
        ax.set_axis_off()
    for ax, picture in zip(panels, pictures, strict=False):
        _draw_picture(ax, picture)
    figure.savefig(path)


def hide(image: np.ndarray, visible: np.ndarray) -> np.ndarray:
    """The (H, W, 3) image with the patches that are not in ``visible`` (h, w) in grey."""
    patch = image.shape[0] // visible.shape[0]
    seen = visible.repeat(patch, axis=0).repeat(patch, axis=1)
    return np.where(seen[..., None], image, np.uint8(HIDDEN_GREY))


def tint(image: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The image darkened, with the pixels of a digit (labels 1..10) in its colour."""
    digits = COLOURS[np.maximum(labels, 1) - 1]
    return np.where(labels[..., None] > 0, digits // 4 * 3 + image // 4, image // 2)


def _draw_scene(axes: Sequence[Axes], scene: SceneExample) -> None:
    for ax, image in zip(
        axes,
        (
            scene.image,
            hide(scene.image, scene.visible),
            scene.reconstruction,
            scene.image,
            scene.image,
            tint(scene.image, scene.true_labels),
            tint(scene.image, scene.labels),
        ),
        strict=True,
    ):
        ax.imshow(image, interpolation="nearest")
        ax.set_axis_off()
    _draw_objects(axes[3], scene.true_objects, with_scores=False)
    _draw_objects(axes[4], scene.objects, with_scores=True)
    _label_regions(axes[5], scene.true_labels)
    _label_regions(axes[6], scene.labels)


def _draw_objects(ax: Axes, objects: Objects, with_scores: bool) -> None:
    for box, mask, digit, score in zip(objects.boxes, objects.masks, objects.classes, objects.scores, strict=True):
        if score < MIN_SCORE:
            continue
        colour = COLOURS[digit] / 255
        overlay = np.zeros((*mask.shape, 4))
        overlay[mask] = (*colour, 0.6)
        ax.imshow(overlay, interpolation="nearest")
        left, top, right, bottom = box
        ax.add_patch(Rectangle((left, top), right - left, bottom - top, fill=False, edgecolor=colour, linewidth=1.5))
        text = f"{digit}  {score:.2f}" if with_scores else f"{digit}"
        _write(ax, left, max(top, 8), text, colour, "bottom", "left")


def _label_regions(ax: Axes, labels: np.ndarray) -> None:
    # One name at the middle of all pixels of a digit; a few stray pixels get none.
    for label in np.unique(labels[labels > 0]):
        rows, columns = np.nonzero(labels == label)
        if len(rows) >= 0.002 * labels.size:
            _write(ax, columns.mean(), rows.mean(), f"{label - 1}", COLOURS[label - 1] / 255, "center", "center")


def _write(ax: Axes, x: float, y: float, text: str, colour: np.ndarray, vertical: str, horizontal: str) -> None:
    ax.text(
        x,
        y,
        text,
        color="white",
        fontsize=8,
        va=vertical,
        ha=horizontal,
        clip_on=True,
        bbox={"facecolor": colour, "edgecolor": "none", "pad": 1.0},
    )


def _draw_picture(ax: Axes, picture: PictureExample) -> None:
    ax.imshow(picture.image, interpolation="nearest")
    right = picture.predicted_class == picture.true_class
    text = f"{picture.predicted_class}  {picture.probability:.2f}" + ("" if right else f", is {picture.true_class}")
    ax.set_title(text, fontsize=10, color="green" if right else "red", pad=2)

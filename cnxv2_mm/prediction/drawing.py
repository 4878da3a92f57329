"""Draws what a detector, a segmenter or a classifier found in an image, or what its labels say."""

import colorsys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

_SMALLEST = 512  # pixels of the longer side; smaller images are enlarged, to have room for text
_FILL = 115  # of 255: how much of a mask's colour covers the image
_IGNORED = 255  # in label maps: no class
_KINDS = (
    "boxes (pred_instances, gt_instances), a label map (pred_sem_seg, gt_sem_seg), or a class (pred_label, gt_label)"
)


def draw_prediction(image: np.ndarray, sample: Any, classes: Sequence[str], min_score: float = 0.3) -> np.ndarray:
    """Draw what a model found in an image.

    Args:
        image: (H, W, 3) RGB bytes.
        sample: A data sample of mmdet (``pred_instances``, its boxes and masks in pixels of ``image``), of mmseg
            (``pred_sem_seg`` of the same size as ``image``) or of mmpretrain (``pred_score``, ``pred_label``).
        classes: Their names. A label beyond them is shown as its number.
        min_score: Instances with a lower score are left out.

    Returns:
        (H', W', 3) RGB bytes: the image, enlarged by a whole number if its longer side is below 512 pixels. Label maps
        and classes have a legend below it, which makes it higher.

    Raises:
        ValueError: ``sample`` holds none of these.
    """
    if "pred_instances" in sample:
        instances = sample.pred_instances
        return _draw_instances(image, instances[instances.scores >= min_score], classes)
    if "pred_sem_seg" in sample:
        return _draw_label_map(image, sample.pred_sem_seg, classes)
    if "pred_label" in sample:
        scores = _array(sample.pred_score)
        labels = _array(sample.pred_label).reshape(-1)  # several if an image may have many classes
        return _draw_classes(image, [f"{_name(classes, i)} {scores[i]:.0%}" for i in labels], labels)
    raise ValueError(f"sample with {', '.join(sample.keys()) or 'nothing'} has no prediction to draw: {_KINDS}")


def draw_truth(image: np.ndarray, sample: Any, classes: Sequence[str]) -> np.ndarray:
    """Draw what the labels of an image say.

    Args:
        image: (H, W, 3) RGB bytes.
        sample: A data sample of mmdet (``gt_instances``), mmseg (``gt_sem_seg``) or mmpretrain (``gt_label``).
        classes: Their names.

    Returns:
        As :func:`draw_prediction`.

    Raises:
        ValueError: ``sample`` holds none of these.
    """
    if "gt_instances" in sample:
        return _draw_instances(image, sample.gt_instances, classes)
    if "gt_sem_seg" in sample:
        return _draw_label_map(image, sample.gt_sem_seg, classes)
    if "gt_label" in sample:
        labels = _array(sample.gt_label).reshape(-1)
        return _draw_classes(image, [_name(classes, i) for i in labels], labels)
    raise ValueError(f"sample with {', '.join(sample.keys()) or 'nothing'} has no labels to draw: {_KINDS}")


def colour(index: int) -> tuple[int, int, int]:
    """Return the RGB colour of a class or an instance: the first 256 differ, and neighbours are far apart."""
    hue = index * 0.618034 % 1.0  # the golden ratio spreads any number of hues evenly
    saturation = (0.85, 0.55, 1.0)[index // 7 % 3]
    value = (1.0, 0.75)[index // 21 % 2]
    red, green, blue = (round(255 * x) for x in colorsys.hsv_to_rgb(hue, saturation, value))
    return red, green, blue


def _draw_instances(image: np.ndarray, instances: Any, classes: Sequence[str]) -> np.ndarray:
    picture, factor = _enlarge(image)
    labels = _array(instances.labels)
    scores = _array(instances.scores) if "scores" in instances else None
    boxes = getattr(instances.bboxes, "tensor", instances.bboxes)  # mmdet wraps them in a class of its own
    boxes = _array(boxes)[:, :4] * factor
    order = range(len(labels)) if scores is None else np.argsort(scores, kind="stable")  # the surest on top
    # The instances of a single class are told apart by colour.
    colours = [colour(int(label) if len(classes) > 1 else i) for i, label in enumerate(labels)]
    if "masks" in instances:
        masks = instances.masks
        masks = masks.to_ndarray() if hasattr(masks, "to_ndarray") else _array(masks)
        for i in order:
            _paint(picture, masks[i], colours[i])
    draw = ImageDraw.Draw(picture)
    width = max(2, round(max(picture.size) / 400))
    for i in order:
        left, top, right, bottom = (round(float(x)) for x in boxes[i])
        draw.rectangle((left, top, max(left, right), max(top, bottom)), outline=colours[i], width=width)
    for i in order:
        text = _name(classes, labels[i]) + ("" if scores is None else f" {scores[i]:.2f}")
        _write(draw, text, (round(float(boxes[i][0])), round(float(boxes[i][1]))), colours[i])
    return np.asarray(picture)


def _draw_label_map(image: np.ndarray, label_map: Any, classes: Sequence[str]) -> np.ndarray:
    picture, _ = _enlarge(image)
    cells = _array(label_map.data)
    cells = cells.reshape(cells.shape[-2:])
    present, counts = np.unique(cells[cells != _IGNORED], return_counts=True)
    for label in present:
        _paint(picture, cells == label, colour(int(label)))
    order = np.argsort(-counts, kind="stable")
    names = [f"{_name(classes, present[i])} {counts[i] / cells.size:.0%}" for i in order]
    return _add_legend(picture, names, [colour(int(present[i])) for i in order])


def _draw_classes(image: np.ndarray, names: Sequence[str], labels: np.ndarray) -> np.ndarray:
    picture, _ = _enlarge(image)
    return _add_legend(picture, names, [colour(int(label)) for label in labels])


def _enlarge(image: np.ndarray) -> tuple[Image.Image, int]:
    """Return a picture that is large enough for text, and by how much it was enlarged."""
    picture = Image.fromarray(np.ascontiguousarray(image))
    factor = max(1, -(-_SMALLEST // max(picture.size)))
    if factor > 1:
        picture = picture.resize((picture.width * factor, picture.height * factor), Image.Resampling.BICUBIC)
    return picture, factor


def _paint(picture: Image.Image, mask: np.ndarray, fill: tuple[int, int, int]) -> None:
    """Lay a translucent colour over the cells of an (h, w) mask."""
    cover = Image.fromarray(mask.astype(bool) * np.uint8(_FILL))
    picture.paste(fill, mask=cover.resize(picture.size, Image.Resampling.NEAREST))


def _add_legend(picture: Image.Image, names: Sequence[str], colours: Sequence[tuple[int, int, int]]) -> np.ndarray:
    """Add a strip below: a square of each colour with its name, as many beside each other as there is room."""
    font = _font(_text_size(picture.size))
    line = round(1.6 * font.size)
    places, x, y = [], line // 2, 0
    for name in names:
        width = line + round(font.getlength(name)) + line
        if x + width > picture.width and x > line // 2:
            x, y = line // 2, y + line
        places.append((x, y))
        x += width
    whole = Image.new("RGB", (picture.width, picture.height + y + round(1.25 * line)), "white")
    whole.paste(picture)
    draw = ImageDraw.Draw(whole)
    for name, fill, (x, y) in zip(names, colours, places, strict=True):
        middle = picture.height + y + line * 5 // 8
        half = font.size // 2
        draw.rectangle((x, middle - half, x + 2 * half, middle + half), fill=fill, outline="black")
        draw.text((x + line, middle), name, fill="black", font=font, anchor="lm")
    return np.asarray(whole)


def _write(draw: ImageDraw.ImageDraw, text: str, corner: tuple[int, int], fill: tuple[int, int, int]) -> None:
    """Write on a ground of a colour, above the corner of a box, or below it at the edge of the picture."""
    image_width, image_height = draw.im.size
    font = _font(_text_size((image_width, image_height)))
    width, height = round(font.getlength(text)) + font.size // 2, round(1.3 * font.size)
    left = max(0, min(corner[0], image_width - width))
    top = corner[1] - height if corner[1] >= height else max(0, corner[1])
    draw.rectangle((left, top, left + width, top + height), fill=fill)
    is_light = np.dot(fill, (0.299, 0.587, 0.114)) > 140  # luma of ITU-R BT.601
    position = (left + font.size // 4, top + height // 2)
    draw.text(position, text, fill="black" if is_light else "white", font=font, anchor="lm")


def _text_size(size: tuple[int, int]) -> int:
    return max(13, round(max(size) / 55))


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    import matplotlib as mpl  # mmengine brings it; its font has Greek and Cyrillic letters, Pillow's own has not

    return ImageFont.truetype(str(Path(mpl.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")), size)


def _name(classes: Sequence[str], label: int) -> str:
    return classes[label] if 0 <= label < len(classes) else f"class {label}"


def _array(values: Any) -> np.ndarray:
    return np.asarray(values.detach().cpu() if hasattr(values, "detach") else values)

"""COCO files: do the categories fit the classes, the boxes the images, and does an id occur twice?

mmdet takes the categories whose names are in ``classes``, in the order of the file, and leaves out all others.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import Any

from cnxv2_mm.training.data_check.findings import Finding, some, unreadable

# Reading takes a second for 30 MB, on top of mmdet's own; instances_train2017.json has 450 MB and is well known.
_LARGEST_FILE = 200 * 2**20
_MOST_IMAGES = 100_000
# Rounding puts boxes a pixel beyond the edge.
_TOLERANCE = 2.0


def check_coco(dataset: Any) -> Iterator[Finding]:
    """Check the file of an mmdet ``CocoDataset``.

    A file of more than 200 MB is not read; this is a finding, too. Only the first 100 000 images are looked for.

    Args:
        dataset: The dataset; it has not read its file yet.

    Yields:
        What is wrong with the file, or unusual in it.
    """
    file = Path(dataset.ann_file)
    size = file.stat().st_size
    if size > _LARGEST_FILE:
        yield Finding(f"{file} has {size / 2**20:.0f} MB; only files up to 200 MB are checked.")
        return
    try:
        content = json.loads(file.read_bytes())
    except ValueError as error:
        yield Finding(f"{file} is no JSON file: {error}", fatal=True)
        return
    absent = [name for name in ("images", "categories") if not isinstance(content, dict) or name not in content]
    if absent:
        yield Finding(f"{file} is no COCO file: it has no {' and no '.join(absent)}.", fatal=True)
        return
    images, annotations = content["images"], content.get("annotations", [])
    malformed = [
        *check_keys(file, "images", images, ("id", "file_name", "height", "width")),
        *check_keys(file, "categories", content["categories"], ("id", "name")),
        *check_keys(file, "annotations", annotations, ("id", "image_id", "category_id", "bbox", "area")),
    ]
    if malformed:
        yield from malformed
        return
    classes = dataset.metainfo.get("classes")
    if isinstance(classes, str):
        yield Finding(f"classes={classes!r} is a text, not a list of names: write ({classes!r},)", fatal=True)
        return
    yield from _categories(file, content["categories"], classes, annotations)
    yield from check_ids(file, "image", images, "the last image is used, with the boxes of all")
    yield from check_ids(file, "annotation", annotations, "mmdet stops")
    yield from check_images_of(file, images, annotations)
    wanted = {category["id"] for category in content["categories"] if category["name"] in classes}
    if wanted and not dataset.test_mode:
        yield from check_boxes(
            file, images, [a for a in annotations if a["category_id"] in wanted and not a.get("ignore")]
        )
    if dataset._indices is None:
        annotated = {annotation["image_id"] for annotation in annotations if annotation["category_id"] in wanted}
        only_annotated = not dataset.test_mode and (dataset.filter_cfg or {}).get("filter_empty_gt", False)
        needed = [image for image in images if not only_annotated or image["id"] in annotated]
        folder = Path(dataset.data_prefix["img"])
        yield from unreadable([folder / image["file_name"] for image in needed[:_MOST_IMAGES]])


def check_keys(file: Path, part: str, entries: Sequence[Mapping], keys: Sequence[str]) -> Iterator[Finding]:
    """Yield which keys entries of a COCO file lack.

    Args:
        file: The file.
        part: The list that the entries are: 'images', 'annotations' or 'categories'.
        entries: The list.
        keys: What each entry must have.
    """
    for key in keys:
        bad = [i for i, entry in enumerate(entries) if key not in entry]
        if bad:
            text = f"{file}: {len(bad)} of {len(entries)} {part} have no {key!r}, first number {bad[0]} of the list."
            yield Finding(text, fatal=True)


def _categories(
    file: Path, categories: Sequence[Mapping], classes: Sequence[str], annotations: Sequence[Mapping]
) -> Iterator[Finding]:
    names = [category["name"] for category in categories]
    used = [name for name in names if name in classes]
    if not used:
        yield Finding(
            f"no category of {file} is in classes: the file has {some(names)}, classes has {some(classes)}. Set "
            "metainfo=dict(classes=(...)) of the dataset.",
            fatal=True,
        )
        return
    absent = [name for name in classes if name not in names]
    if absent:
        yield Finding(f"{len(absent)} of {len(classes)} classes are not in {file}: {some(absent)}.")
    shifted = [i for i, name in enumerate(used) if name != classes[i]]
    if shifted:
        i = shifted[0]
        yield Finding(
            f"{file} orders its categories otherwise than classes, and mmdet numbers them as the file does: label {i} "
            f"is {used[i]!r}, classes[{i}] is {classes[i]!r}. Give classes in the file's order, without absent ones."
        )
    boxes = Counter(annotation["category_id"] for annotation in annotations)
    left_out = [c for c in categories if c["name"] not in classes and boxes[c["id"]]]
    if left_out:
        number = sum(boxes[category["id"]] for category in left_out)
        yield Finding(
            f"{number} of {len(annotations)} boxes of {file} are left out, their {len(left_out)} categories are not in "
            f"classes: {some(category['name'] for category in left_out)}."
        )


def check_ids(file: Path, part: str, entries: Sequence[Mapping], result: str) -> Iterator[Finding]:
    """Yield which ids occur more than once.

    Args:
        file: The file.
        part: What the entries are: 'image', 'annotation' or 'category'.
        entries: Entries that all have an id.
        result: What comes of it, for the text.
    """
    repeated = [number for number, times in Counter(entry["id"] for entry in entries).items() if times > 1]
    if repeated:
        text = f"{len(repeated)} {part} ids occur more than once in {file}: {some(repeated)}; {result}."
        yield Finding(text, fatal=True)


def check_images_of(file: Path, images: Sequence[Mapping], annotations: Sequence[Mapping]) -> Iterator[Finding]:
    """Yield how many annotations belong to no image."""
    known = {image["id"] for image in images}
    lost = [annotation["id"] for annotation in annotations if annotation["image_id"] not in known]
    if lost:
        yield Finding(f"{len(lost)} annotations of {file} belong to no image of it, first id {lost[0]}.")


def check_boxes(file: Path, images: Sequence[Mapping], annotations: Sequence[Mapping]) -> Iterator[Finding]:
    """Yield which boxes ``CocoDataset.parse_data_info`` leaves out. The conditions are its own."""
    sizes = {image["id"]: (image["width"], image["height"]) for image in images}
    kinds: dict[str, list[Any]] = {"malformed": [], "outside": [], "empty": [], "beyond": []}
    for annotation in annotations:
        if annotation["image_id"] in sizes:
            kind = kind_of_box(annotation, *sizes[annotation["image_id"]])
            if kind is not None:
                kinds[kind].append(annotation["id"])
    texts = {
        "malformed": "are not four finite numbers [x, y, width, height]",
        "outside": "lie outside of their image and are left out",
        "empty": "are smaller than a pixel or without area and are left out",
        "beyond": f"reach more than {_TOLERANCE:.0f} pixels beyond their image: are its height and width right?",
    }
    for kind, bad in kinds.items():
        if bad:
            text = f"{len(bad)} of {len(annotations)} boxes of {file} {texts[kind]}; first annotation id {bad[0]}."
            yield Finding(text, fatal=kind == "malformed")
    if len(annotations) == sum(len(kinds[kind]) for kind in ("malformed", "outside", "empty")):
        yield Finding(f"{file} has no box to train on.", fatal=True)


def kind_of_box(annotation: Mapping, width: float, height: float) -> str | None:
    """Return what is wrong with a box: 'malformed', 'outside', 'empty', 'beyond'; None if nothing is.

    mmdet leaves out those outside and the empty ones, and trains on those that reach beyond their image.

    Args:
        annotation: An annotation with ``bbox`` and ``area``.
        width: Of the image, in pixels.
        height: Of the image, in pixels.
    """
    box = annotation["bbox"]
    numbers = isinstance(box, list) and len(box) == 4 and all(isinstance(x, int | float) and isfinite(x) for x in box)
    if not numbers:
        return "malformed"
    x, y, w, h = box
    if min(x + w, width) <= max(x, 0) or min(y + h, height) <= max(y, 0):
        return "outside" if w > 0 and h > 0 else "empty"
    if annotation["area"] <= 0 or w < 1 or h < 1:
        return "empty"
    return "beyond" if max(-x, -y, x + w - width, y + h - height) > _TOLERANCE else None

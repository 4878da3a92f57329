"""A folder with labels in COCO's format: found, checked, and written down as one pair of files that mmdet trains on.

The pair is written even where the user's files have this form already. So the categories of both parts agree in
names, ids and order, every image has one name, and what cannot be used is left out of both. The user's own files stay
as they are.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from cnxv2_mm.recipes.data.coco_categories import settle_categories
from cnxv2_mm.recipes.data.coco_files import Content, find_files, locate, read_file
from cnxv2_mm.recipes.data.coco_part import Part, check_form, count_masks, drop_masks, keep_masks, make_part
from cnxv2_mm.recipes.data.file_lists import write_lines
from cnxv2_mm.recipes.data.hold_out import hold_out
from cnxv2_mm.recipes.data.image_files import examine
from cnxv2_mm.training.data_check.findings import Finding, refuse, some
from cnxv2_mm.training.saving import write_whole


@dataclass(frozen=True)
class CocoData:
    """A data set for detection.

    Attributes:
        root: The folder to which the images' names are relative.
        train: The COCO file to train with, in the run folder.
        val: The COCO file to validate with.
        classes: The names of the categories in the order of both files.
        masks: Whether every object has a mask.
        num_train: Number of images to train with.
        num_val: Number of images to validate with.
        held_out: Whether the images for validation were chosen here, out of one file.
        findings: What was found and is not fatal.
        image_sizes: (num_train, 2) width and height of each image to train with, in pixels.
        box_sizes: (M, 2) width and height of each of their boxes, in pixels.
        box_images: (M,) the row of ``image_sizes`` that each box is in.
    """

    root: Path
    train: Path
    val: Path
    classes: tuple[str, ...]
    masks: bool
    num_train: int
    num_val: int
    held_out: bool
    findings: tuple[Finding, ...]
    image_sizes: np.ndarray = field(repr=False, compare=False)
    box_sizes: np.ndarray = field(repr=False, compare=False)
    box_images: np.ndarray = field(repr=False, compare=False)


def read_coco(data: Path, out: Path, step: Callable[[int, int], None] = lambda done, total: None) -> CocoData:
    """Find, check and write down a data set.

    Args:
        data: A folder with COCO files and images in one of the usual trees (see :func:`.coco_files.find_files`), or
            a COCO file beside its images. One file alone is divided: a fifth of its images is for validation.
        out: Where to write train.json, val.json, images.txt and left_out.txt.
        step: Called while the images are read, with the number that is done and that of all.

    Returns:
        The data set. What it says of its images and boxes is for choosing sizes.

    Raises:
        FileNotFoundError: There is no such folder.
        ValueError: There are no labels in COCO's format, or they cannot be used: one line for each reason.
    """
    train_file, val_file = find_files(data)
    root = data if data.is_dir() else data.parents[data.parent.name == "annotations"]
    files = {"train": train_file} | ({"val": val_file} if val_file else {})
    contents = {name: read_file(file) for name, file in files.items()}
    refuse([finding for name, file in files.items() for finding in check_form(file, contents[name])])
    parts = _make_parts(root.absolute(), files, contents, step)
    refuse([finding for part in parts for finding in part.findings])
    masks = _settle_masks(parts)
    findings = [finding for part in parts for finding in part.findings]
    if not val_file:
        parts = _divide(parts[0])
    train, val = parts
    findings += settle_categories(train, val)
    findings += _compare(train, val)
    refuse(findings)
    out.mkdir(parents=True, exist_ok=True)
    for name, part in (("train", train), ("val", val)):
        content = {"images": part.images, "annotations": part.annotations, "categories": part.categories}
        write_whole(json.dumps(content).encode(), out / f"{name}.json")
    write_lines(out / "images.txt", [image["file_name"] for part in parts for image in part.images])
    write_lines(out / "left_out.txt", [f"{n}\t{why}" for part in parts for n, why in part.left_out.items()])
    rows = {image["id"]: row for row, image in enumerate(train.images)}
    return CocoData(
        root=root.absolute(),
        train=out / "train.json",
        val=out / "val.json",
        classes=tuple(category["name"] for category in train.categories),
        masks=masks,
        num_train=len(train.images),
        num_val=len(val.images),
        held_out=val_file is None,
        image_sizes=np.array([(image["width"], image["height"]) for image in train.images], float).reshape(-1, 2),
        box_sizes=np.array([a["bbox"][2:] for a in train.annotations], float).reshape(-1, 2),
        box_images=np.array([rows[a["image_id"]] for a in train.annotations], int),
        findings=tuple(findings),
    )


def _make_parts(
    root: Path, files: dict[str, Path], contents: dict[str, Content], step: Callable[[int, int], None]
) -> list[Part]:
    paths = {
        name: locate(root, file.absolute(), name, [str(image["file_name"]) for image in contents[name]["images"]])
        for name, file in files.items()
    }
    there = list(dict.fromkeys(path for found in paths.values() for path in found if isinstance(path, Path)))
    sizes = dict(zip(there, examine(there, step), strict=True))
    return [make_part(root, file, contents[name], paths[name], sizes) for name, file in files.items()]


def _settle_masks(parts: Sequence[Part]) -> bool:
    """Keep the masks if all objects have one, else remove them; return whether they are kept."""
    with_mask, total = count_masks(parts)
    masks = 0 < with_mask == total
    for part in parts:
        if masks:
            keep_masks(part)
        else:
            drop_masks(part)
    if 0 < with_mask < total:
        text = f"{with_mask} of {total} objects have a mask, the others a box alone: the masks are not used."
        parts[0].findings.append(Finding(text))
    refuse([finding for part in parts for finding in part.findings])
    return masks


def _divide(whole: Part) -> list[Part]:
    """Divide a file into one part for training and one for validation."""
    names = {category["id"]: category["name"] for category in whole.categories}
    shown: dict[Any, set[str]] = defaultdict(set)
    for annotation in whole.annotations:
        shown[annotation["image_id"]].add(names[annotation["category_id"]])
    held = hold_out({image["file_name"]: shown[image["id"]] for image in whole.images})
    ids = {image["id"] for image in whole.images if image["file_name"] in held}
    parts = []
    for belongs in (False, True):
        images = [image for image in whole.images if (image["id"] in ids) == belongs]
        annotations = [a for a in whole.annotations if (a["image_id"] in ids) == belongs]
        parts.append(Part(whole.file, images, annotations, [dict(category) for category in whole.categories]))
    parts[0].left_out = whole.left_out
    return parts


def _compare(train: Part, val: Part) -> list[Finding]:
    findings = []
    both = {image["file_name"] for image in train.images} & {image["file_name"] for image in val.images}
    if both:
        text = f"{len(both)} images are for training and validation, so that scores are too good: {some(sorted(both))}."
        findings.append(Finding(text))
    for part, what in ((train, "training"), (val, "validation")):
        empty = len({image["id"] for image in part.images} - {a["image_id"] for a in part.annotations})
        if empty:
            text = f"{empty} of {len(part.images)} images for {what} have no object: they show what is background."
            findings.append(Finding(text))
    return findings

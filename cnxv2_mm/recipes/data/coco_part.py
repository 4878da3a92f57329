"""One COCO file, checked and made ready for mmdet: the training part of a data set, its validation part, or both."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cnxv2_mm.recipes.data.coco_files import Content
from cnxv2_mm.recipes.data.coco_masks import IGNORED, box_as_mask, has_mask, read_mask
from cnxv2_mm.recipes.data.image_files import Size
from cnxv2_mm.training.data_check.coco import check_boxes, check_ids, check_images_of, check_keys, kind_of_box
from cnxv2_mm.training.data_check.findings import Finding, some

# A few broken files are left out of a data set; more than this share, and it is the wrong folder or a broken copy.
MOST_LEFT_OUT = 0.1


@dataclass
class Part:
    """What is used of a COCO file.

    Attributes:
        file: The file.
        images: Its images; ``file_name`` is relative to the folder of the data set, sizes are those of the files.
        annotations: The annotations of these images.
        categories: Its categories.
        left_out: Images that are not used, and why.
        findings: What was found.
    """

    file: Path
    images: list[dict[str, Any]]
    annotations: list[dict[str, Any]]
    categories: list[dict[str, Any]]
    left_out: dict[str, str] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)


def check_form(file: Path, content: Content) -> list[Finding]:
    """Return what is wrong with the entries of a COCO file: absent keys, repeated ids and names."""
    images, annotations, categories = (content[key] for key in ("images", "annotations", "categories"))
    findings = [
        *check_keys(file, "images", images, ("id", "file_name")),
        *check_keys(file, "categories", categories, ("id", "name")),
        *check_keys(file, "annotations", annotations, ("id", "image_id", "category_id", "bbox")),
    ]
    if findings:
        return findings
    names = Counter(str(category["name"]) for category in categories)
    twice = [name for name, times in names.items() if times > 1]
    if twice:
        text = f"{len(twice)} names of categories occur more than once in {file}: {some(twice)}; merge or rename them."
        findings.append(Finding(text, fatal=True))
    findings += check_ids(file, "image", images, "give each image its own")
    findings += check_ids(file, "category", categories, "give each category its own")
    if not images:
        findings.append(Finding(f"{file} has no image.", fatal=True))
    return findings


def make_part(
    data: Path, file: Path, content: Content, paths: Sequence[Path | str], sizes: Mapping[Path, Size | str]
) -> Part:
    """Keep what can be trained on, and say what is left out.

    Args:
        data: The folder of the data set.
        file: The COCO file; :func:`check_form` found nothing fatal in it.
        content: Its content.
        paths: The file of each of its images, or why there is none.
        sizes: The size of each of these files, or why it cannot be read.

    Returns:
        The part. If one of its findings is fatal, no training can start.
    """
    part = Part(file, [], [], [{**c, "name": str(c["name"])} for c in content["categories"]])
    for image, path in zip(content["images"], paths, strict=True):
        found = path if isinstance(path, str) else sizes[path]
        reason = found if isinstance(found, str) else _mismatch(image, found)
        if reason or isinstance(path, str) or isinstance(found, str):
            part.left_out[str(image["file_name"])] = reason
            continue
        width, height = found
        name = path.relative_to(data).as_posix() if path.is_relative_to(data) else path.absolute().as_posix()
        part.images.append({**image, "file_name": name, "width": width, "height": height})
    part.findings += _left_out(part, len(content["images"]))
    part.findings += _repeated_files(part)
    annotations = [_completed(annotation) for annotation in content["annotations"]]
    part.findings += check_images_of(file, content["images"], annotations)
    part.findings += _unknown_categories(part, annotations)
    known = {category["id"] for category in part.categories}
    used = {image["id"] for image in part.images}
    annotations = [a for a in annotations if a["image_id"] in used and a["category_id"] in known]
    part.findings += check_boxes(file, part.images, annotations) if annotations else ()
    by_id = {image["id"]: (image["width"], image["height"]) for image in part.images}
    part.annotations = [a for a in annotations if kind_of_box(a, *by_id[a["image_id"]]) in (None, "beyond")]
    _number(part)
    return part


def keep_masks(part: Part) -> None:
    """Replace masks that cannot be read: their objects are ignored, neither objects nor background."""
    sizes = {image["id"]: (image["width"], image["height"]) for image in part.images}
    broken, shortened = [], []
    for annotation in part.annotations:
        mask = read_mask(annotation, *sizes[annotation["image_id"]])
        if mask is None:
            broken.append(annotation["id"])
            annotation.update(IGNORED, segmentation=box_as_mask(annotation["bbox"]))
        elif mask != annotation["segmentation"]:
            shortened.append(annotation["id"])
            annotation["segmentation"] = mask
    total = len(part.annotations)
    if broken:
        part.findings.append(
            Finding(
                f"{len(broken)} of {total} masks of {part.file} cannot be read: no polygons of three points, or run "
                f"lengths of another size than the image; their objects are ignored; first annotation id {broken[0]}.",
                fatal=len(broken) == total,
            )
        )
    if shortened:
        text = f"{len(shortened)} of {total} masks of {part.file} have parts that are no polygons, which are left out"
        part.findings.append(Finding(f"{text}; first annotation id {shortened[0]}."))


def drop_masks(part: Part) -> None:
    """Remove all masks."""
    for annotation in part.annotations:
        annotation.pop("segmentation", None)


def count_masks(parts: Sequence[Part]) -> tuple[int, int]:
    """Return how many objects have a mask, and how many there are; regions that are crowds do not count."""
    objects = [a for part in parts for a in part.annotations if not a["iscrowd"]]
    return sum(has_mask(annotation) for annotation in objects), len(objects)


def _mismatch(image: Mapping[str, Any], found: Size) -> str:
    """Return how the size of an image differs from that in the COCO file; nothing if it does not."""
    said = image.get("width", found[0]), image.get("height", found[1])
    if said == found:
        return ""
    turned = ", so that one of them is turned" if said == found[::-1] else ""
    return f"is {found[0]} x {found[1]} pixels, its labels are for {said[0]} x {said[1]}{turned}"


def _left_out(part: Part, total: int) -> Iterator[Finding]:
    if part.left_out:
        examples = some((f"{name} {reason}" for name, reason in part.left_out.items()), most=3)
        text = f"{len(part.left_out)} of {total} images of {part.file} are left out: {examples}"
        fatal = len(part.left_out) > MOST_LEFT_OUT * total
        hint = f". More than {MOST_LEFT_OUT:.0%} must not be" if fatal else ""
        yield Finding(f"{text}{hint}.", fatal)


def _repeated_files(part: Part) -> Iterator[Finding]:
    twice = [name for name, times in Counter(image["file_name"] for image in part.images).items() if times > 1]
    if twice:
        yield Finding(f"{len(twice)} images occur more than once in {part.file}: {some(twice)}.")


def _unknown_categories(part: Part, annotations: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    known = {category["id"] for category in part.categories}
    unknown = [annotation for annotation in annotations if annotation["category_id"] not in known]
    if unknown:
        ids = some(dict.fromkeys(annotation["category_id"] for annotation in unknown))
        yield Finding(
            f"{len(unknown)} of {len(annotations)} annotations of {part.file} have a category that it does not list "
            f"(id {ids}) and are left out.",
            fatal=len(unknown) == len(annotations),
        )


def _completed(annotation: Mapping[str, Any]) -> dict[str, Any]:
    """Return an annotation with the keys that mmdet and pycocotools need; its area is that of its box, if none is."""
    completed = {"iscrowd": 0, **annotation}
    if "area" not in completed:
        try:
            completed["area"] = float(completed["bbox"][2]) * float(completed["bbox"][3])
        except (TypeError, ValueError, IndexError, KeyError):
            completed["area"] = 0.0  # the box is malformed, which is said
    return completed


def _number(part: Part) -> None:
    """Give the annotations new numbers if ids occur twice, or 0 does: pycocotools takes an object of id 0 for none."""
    ids = [annotation["id"] for annotation in part.annotations]
    if len(set(ids)) < len(ids) or 0 in ids:
        twice = len(ids) - len(set(ids))
        why = f"{twice} occur more than once" if twice else "one is 0, which pycocotools takes for no object"
        part.findings.append(Finding(f"the annotations of {part.file} are numbered anew: of their ids {why}."))
        part.annotations = [{**a, "id": number} for number, a in enumerate(part.annotations, start=1)]

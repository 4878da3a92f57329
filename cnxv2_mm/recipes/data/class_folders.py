"""A folder of images for each class: found and checked before anything is trained.

What is trained on is listed in files that mmpretrain reads. The user's own files stay as they are.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cnxv2_mm.images.formats import find_images
from cnxv2_mm.recipes.data.copies import find_copies
from cnxv2_mm.recipes.data.endings import IMAGE_ENDINGS
from cnxv2_mm.recipes.data.file_lists import below, odd_name, write_left_out, write_lines
from cnxv2_mm.recipes.data.hold_out import hold_out
from cnxv2_mm.recipes.data.image_files import Size, examine
from cnxv2_mm.recipes.data.kinds import other_kind
from cnxv2_mm.training.data_check.findings import Finding, refuse, some

TREES = """train/<class>/*.jpg and val/<class>/*.jpg
<class>/*.jpg (a fifth of each class is held out)"""
# The largest share of the images that may be left out because they cannot be read.
MOST_LEFT_OUT = 0.1

_TRAIN = ("train", "training")
_VAL = ("val", "validation", "valid")
_TEST = ("test", "testing")


@dataclass(frozen=True)
class ClassFolders:
    """Images and their classes.

    Attributes:
        root: The folder to which the names in the lists are relative.
        train: The list to train on, as mmpretrain's ``ann_file``: a name and the number of its class in each line.
        val: The list to validate on.
        classes: The names of the classes, in the order of their numbers.
        held_out: Whether the images for validation were chosen here.
        num_train: (K,), how many images for training each class has.
        num_val: (K,), how many for validation.
        image_sizes: (N, 2), width and height of each image for training, in pixels.
        val_sizes: (M, 2), the same for validation.
        findings: What was found and is not fatal.
    """

    root: Path
    train: Path
    val: Path
    classes: tuple[str, ...]
    held_out: bool
    num_train: np.ndarray
    num_val: np.ndarray
    image_sizes: np.ndarray
    val_sizes: np.ndarray
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class _Image:
    file: Path
    label: str
    size: Size


def read_class_folders(
    data: Path, out: Path, step: Callable[[int, int], None] = lambda done, total: None
) -> ClassFolders:
    """Find and check images in a folder for each class, and write lists of those that can be used.

    A folder ``test`` beside ``train`` is left alone.

    Args:
        data: The data set's folder, in one of the forms of :data:`TREES`. Class folders may have folders in them.
        out: Where to write train.txt, val.txt, images.txt and left_out.txt.
        step: Called with the number of images that are read, and of all.

    Returns:
        The data set, without what cannot be used.

    Raises:
        FileNotFoundError: There is no such folder.
        ValueError: The data cannot be trained on; one line for each reason.
    """
    if not data.is_dir():
        raise FileNotFoundError(f"data folder {str(data)!r} does not exist (looked for {data.absolute()})")
    data = data.absolute()
    left_out: dict[Path, str] = {}
    findings: list[Finding] = []
    found = _find(data, left_out, findings)
    images = _read(data, found, left_out, findings, step)
    classes = _settle_classes(found, images, findings)
    refuse(findings)
    held = "val" not in images
    if held:
        images = _divide(data, images["train"])
    copies = find_copies(*([image.file for image in images[part]] for part in ("train", "val")))
    if copies:
        left_out |= dict.fromkeys(copies, "is for validation, too")
        text = f"{len(copies)} of {len(images['train'])} images for training are for validation, too, and are left out"
        findings.append(Finding(f"{text}: {some([below(data, file) for file in copies], 3)}."))
        images["train"] = [image for image in images["train"] if image.file not in copies]
    numbers = {part: Counter(image.label for image in images[part]) for part in images}
    lost = [name for name in classes if not numbers["train"][name]]
    if lost:
        findings.append(Finding(f"no image for training is left of {len(lost)} classes: {some(lost)}.", fatal=True))
    refuse(findings)
    unscored = [name for name in classes if not numbers["val"][name]]
    if unscored:
        text = f"{len(unscored)} of {len(classes)} classes have no image for validation: {some(unscored)}."
        findings.append(Finding(text))
    out.mkdir(parents=True, exist_ok=True)
    numbered = {name: number for number, name in enumerate(classes)}
    for part in ("train", "val"):
        lines = [f"{below(data, image.file)} {numbered[image.label]}" for image in images[part]]
        write_lines(out / f"{part}.txt", lines)
    write_lines(out / "images.txt", [below(data, image.file) for part in images.values() for image in part])
    write_left_out(out / "left_out.txt", data, left_out)
    return ClassFolders(
        root=data,
        train=out / "train.txt",
        val=out / "val.txt",
        classes=classes,
        held_out=held,
        num_train=np.array([numbers["train"][name] for name in classes]),
        num_val=np.array([numbers["val"][name] for name in classes]),
        image_sizes=np.array([image.size for image in images["train"]]),
        val_sizes=np.array([image.size for image in images["val"]]),
        findings=tuple(findings),
    )


def _find(data: Path, left_out: dict[Path, str], findings: list[Finding]) -> dict[str, dict[str, list[Path]]]:
    """Return the images of each class of each part."""
    hint = other_kind(data, "classify")
    if hint:
        raise ValueError(hint)
    places = {"train": _child(data, _TRAIN), "val": _child(data, _VAL)}
    if places["train"] is None:
        if places["val"] is not None:
            raise ValueError(f"{data} has {places['val'].name}/ and no train/; expected is one of:\n{_indented(TREES)}")
        places = {"train": data}
    elif _child(data, _TEST) is not None:
        findings.append(Finding(f"{_child(data, _TEST)} is left alone."))
    found = {}
    for part, folder in places.items():
        if folder is None:
            continue
        above = [file for file in _images(folder) if file.parent == folder]
        if above:
            left_out |= dict.fromkeys(above, "lies in no class folder")
            text = f"{len(above)} images in {folder} itself are left out, they lie in no class folder"
            findings.append(Finding(f"{text}: {some([file.name for file in above], 3)}."))
        classes = sorted(place for place in folder.iterdir() if place.is_dir() and place.name[0] != ".")
        if not classes:
            raise ValueError(f"{folder} has no folders of classes; expected is one of:\n{_indented(TREES)}")
        found[part] = {place.name: _images(place) for place in classes}
    if not any(found["train"].values()):
        raise ValueError(f"the class folders of {places['train']} have no images ({', '.join(IMAGE_ENDINGS)}).")
    return found


def _child(data: Path, names: Sequence[str]) -> Path | None:
    return next((data / name for name in names if (data / name).is_dir()), None)


def _images(folder: Path) -> list[Path]:
    return [file for file in find_images(folder) if file.suffix.lower() in IMAGE_ENDINGS]


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines())


def _read(
    data: Path,
    found: Mapping[str, Mapping[str, Sequence[Path]]],
    left_out: dict[Path, str],
    findings: list[Finding],
    step: Callable[[int, int], None],
) -> dict[str, list[_Image]]:
    """Read all images."""
    labelled = [(part, label, file) for part in found for label, files in found[part].items() for file in files]
    sizes = examine([file for _, _, file in labelled], step)
    images: dict[str, list[_Image]] = {part: [] for part in found}
    bad = {}
    for (part, label, file), size in zip(labelled, sizes, strict=True):
        name = below(data, file)
        if isinstance(size, str):
            bad[file] = size
        elif odd_name(name):
            bad[file] = odd_name(name)
        else:
            images[part].append(_Image(file, label, size))
    if bad:
        left_out |= bad
        shown = "; ".join(f"{below(data, file)} {why}" for file, why in list(bad.items())[:3])
        text = f"{len(bad)} of {len(labelled)} images cannot be used"
        if len(bad) > MOST_LEFT_OUT * len(labelled):
            raise ValueError(f"{text}, and at most {MOST_LEFT_OUT:.0%} may be left out: {shown}.")
        findings.append(Finding(f"{text} and are left out: {shown}."))
    return images


def _settle_classes(
    found: Mapping[str, Mapping[str, Sequence[Path]]], images: Mapping[str, Sequence[_Image]], findings: list[Finding]
) -> tuple[str, ...]:
    """Return the classes that have images for training."""
    with_images = {part: {image.label for image in images[part]} for part in images}
    classes = tuple(name for name in found["train"] if name in with_images["train"])
    unknown = sorted(with_images.get("val", set()) - set(classes))
    if unknown:
        text = f"{len(unknown)} classes have images for validation and none for training: {some(unknown)}"
        findings.append(Finding(f"{text}. Are the folders named alike? Training has {some(classes)}.", fatal=True))
    empty = sorted(name for part in found for name in found[part] if name not in {*classes, *unknown})
    if empty:
        findings.append(Finding(f"{len(empty)} class folders have no image and are left out: {some(empty)}."))
    if len(classes) == 1 and not unknown:
        text = f"{classes[0]} is the only class: a classifier needs two, in a folder each"
        findings.append(Finding(f"{text}; expected is one of:\n{_indented(TREES)}", fatal=True))
    return classes


def _divide(data: Path, images: Sequence[_Image]) -> dict[str, list[_Image]]:
    """Hold out a fifth of each class."""
    held = hold_out({below(data, image.file): {image.label} for image in images})
    parts: dict[str, list[_Image]] = {"train": [], "val": []}
    for image in images:
        parts["val" if below(data, image.file) in held else "train"].append(image)
    return parts

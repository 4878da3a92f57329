"""Images with label maps, for segmentation: found, paired, read and checked before anything is trained.

What is trained on is listed in files that mmseg reads. The user's own files stay as they are.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cnxv2_mm.machine import usable_cores
from cnxv2_mm.recipes.data.class_names import read_class_names
from cnxv2_mm.recipes.data.copies import find_copies
from cnxv2_mm.recipes.data.file_lists import below, odd_name, write_left_out, write_lines
from cnxv2_mm.recipes.data.hold_out import hold_out
from cnxv2_mm.recipes.data.image_files import Size, examine
from cnxv2_mm.recipes.data.kinds import other_kind
from cnxv2_mm.recipes.data.label_map_classes import IGNORED, as_trained, compare_classes, settle_classes
from cnxv2_mm.recipes.data.label_map_file import LabelMapFile, UnusableLabels, read_label_map
from cnxv2_mm.recipes.data.segmentation_tree import (
    TREES,
    Folders,
    Pair,
    Pairs,
    find_folders,
    find_pairs,
    unlabelled_validation,
)
from cnxv2_mm.training.data_check.findings import Finding, refuse, some

# The largest share of the images with a label map that may be left out.
MOST_LEFT_OUT = 0.1

_Step = Callable[[int, int], None]


@dataclass(frozen=True)
class FileList:
    """A list of files as mmseg's ``ann_file``: names without endings.

    Attributes:
        file: The list.
        img_suffix: What an image's path has after a name of the list, such as ``.jpg``.
        seg_map_suffix: The same for its label map.
    """

    file: Path
    img_suffix: str
    seg_map_suffix: str


@dataclass(frozen=True)
class Part:
    """What to train on, or what to validate on.

    Attributes:
        images: The folder of the images, to which the names in the lists are relative.
        label_maps: The folder of the label maps.
        lists: The lists; one for each pair of endings.
        number: How many images they have.
    """

    images: Path
    label_maps: Path
    lists: tuple[FileList, ...]
    number: int


@dataclass(frozen=True)
class LabelMaps:
    """Images and label maps that can be trained on.

    Attributes:
        train: What to train on.
        val: What to validate on.
        classes: The names of the classes, in the order of their numbers.
        reduce_zero_label: Whether 0 in the files means "other", and 1 is the first class.
        held_out: Whether the images for validation were chosen here.
        pixels: (K,), how many pixels for training have each class.
        pixels_where_present: (K,), how many labelled pixels those label maps for training have that show the class.
        image_sizes: (train.number, 2), width and height of each image for training, in pixels.
        val_sizes: (val.number, 2), the same for validation.
        findings: What was found and is not fatal.
    """

    train: Part
    val: Part
    classes: tuple[str, ...]
    reduce_zero_label: bool
    held_out: bool
    pixels: np.ndarray
    pixels_where_present: np.ndarray
    image_sizes: np.ndarray
    val_sizes: np.ndarray
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class _Sample:
    """A pair that can be used."""

    pair: Pair
    size: Size
    counts: np.ndarray  # (256,), how many pixels have each class; the last are ignored


def read_label_maps(
    data: Path, out: Path, reduce_zero_label: bool = False, step: _Step = lambda done, total: None
) -> LabelMaps:
    """Find, pair and check images and label maps, and write lists of those that can be used.

    A label map holds the number of a class in each pixel, or 255 for none. The classes are those of a list beside the
    data (see :func:`.class_names.read_class_names`); without one, the numbers from 0 to the largest in the maps.

    Args:
        data: The data set's folder, in one of the forms of :data:`.segmentation_tree.TREES`.
        out: Where to write train.txt, val.txt, images.txt and left_out.txt.
        reduce_zero_label: Whether 0 means "other" and is never trained, as in ADE20K; class 0 is labelled 1 then.
        step: Called with the number of files that are read, and of all.

    Returns:
        The data set, without what cannot be used.

    Raises:
        FileNotFoundError: There is no such folder.
        ValueError: The data cannot be trained on; one line for each reason.
    """
    if not data.is_dir():
        raise FileNotFoundError(f"data folder {str(data)!r} does not exist (looked for {data.absolute()})")
    data = data.absolute()
    pairs = _find_pairs(data)
    left_out: dict[Path, str] = {}
    findings = _alone(data, pairs, left_out)
    samples = _read(pairs, reduce_zero_label, left_out, findings, step)
    everything = [sample for part in samples.values() for sample in part]
    classes, more = settle_classes(
        [sample.pair.label_map for sample in everything],
        np.stack([sample.counts for sample in everything]),
        read_class_names(data),
        reduce_zero_label,
    )
    findings += more
    refuse(findings)
    for name, part in samples.items():
        ignored = {sample.pair.image for sample in part if not sample.counts[:IGNORED].any()}
        samples[name] = _drop(part, ignored, "its label map is ignored everywhere", left_out, findings)
    folders = {name: each.folders for name, each in pairs.items()}
    held = "val" not in samples
    if held:
        samples = _divide(samples["train"])
        folders["val"] = folders["train"]
    copies = find_copies(*([sample.pair.image for sample in samples[name]] for name in ("train", "val")))
    samples["train"] = _drop(samples["train"], set(copies), "it is for validation, too", left_out, findings)
    empty = {"train": "training", "val": "validation"}
    findings += [Finding(f"nothing is left for {empty[name]}.", fatal=True) for name in empty if not samples[name]]
    refuse(findings)
    train = np.stack([sample.counts for sample in samples["train"]])
    findings += compare_classes(train.sum(0), np.sum([sample.counts for sample in samples["val"]], axis=0), classes)
    out.mkdir(parents=True, exist_ok=True)
    write_lines(out / "images.txt", [below(data, s.pair.image) for part in samples.values() for s in part])
    write_left_out(out / "left_out.txt", data, left_out)
    trained = train[:, : len(classes)]
    return LabelMaps(
        train=_write_part(out, "train", folders["train"], samples["train"]),
        val=_write_part(out, "val", folders["val"], samples["val"]),
        classes=classes,
        reduce_zero_label=reduce_zero_label,
        held_out=held,
        pixels=trained.sum(0),
        pixels_where_present=(trained.sum(1)[:, None] * (trained > 0)).sum(0),
        image_sizes=np.array([sample.size for sample in samples["train"]]),
        val_sizes=np.array([sample.size for sample in samples["val"]]),
        findings=tuple(findings),
    )


def _find_pairs(data: Path) -> dict[str, Pairs]:
    folders = find_folders(data)
    if not folders:
        trees = "\n".join(f"    {line}" for line in TREES.splitlines())
        hint = other_kind(data, "segment")
        raise ValueError(
            f"{data} has no images with label maps{hint and f', but {hint}'}. Expected is one of:\n{trees}"
        )
    pairs = {name: find_pairs(places) for name, places in folders.items()}
    for each in pairs.values():
        if not each.pairs:
            raise ValueError(
                f"no image of {each.folders.images} has a label map of its name in {each.folders.label_maps}: images "
                f"are {_names(each.images_alone)}; label maps are {_names(each.maps_alone)}"
            )
    return pairs


def _names(files: Sequence[Path]) -> str:
    none = "none of a kind that is known (PNG, BMP, TIFF; JPEG would change the numbers)"
    return some([file.name for file in files], 3) or none


def _alone(data: Path, pairs: dict[str, Pairs], left_out: dict[Path, str]) -> list[Finding]:
    """Note files without a partner, and return what is to be said of them."""
    findings = []
    unlabelled = unlabelled_validation(data)
    if unlabelled is not None:
        findings.append(Finding(f"{unlabelled} is not used: it has no label maps."))
    for each in pairs.values():
        labelled = len(each.pairs)
        for files, others, text, reason in (
            (each.images_alone, labelled, "images have no label map and", "has no label map"),
            (each.maps_alone, labelled, "label maps have no image and", "has no image"),
            (each.twice, 2 * labelled, "files have the name of another one and", "has the name of another file"),
        ):
            if files:
                left_out |= dict.fromkeys(files, reason)
                shown = some([below(data, file) for file in files])
                findings.append(Finding(f"{len(files)} of {len(files) + others} {text} are left out: {shown}."))
    return findings


def _read(
    pairs: dict[str, Pairs], reduce_zero_label: bool, left_out: dict[Path, str], findings: list[Finding], step: _Step
) -> dict[str, list[_Sample]]:
    """Read all images and label maps."""
    everything = [pair for each in pairs.values() for pair in each.pairs]
    number = len(everything)
    sizes = examine([pair.image for pair in everything], lambda done, total: step(done, 2 * number))
    maps: list[LabelMapFile | ValueError | OSError] = []
    with ThreadPoolExecutor(usable_cores()) as threads:
        for label_map in threads.map(_attempt, [pair.label_map for pair in everything]):
            maps.append(label_map)
            step(number + len(maps), 2 * number)
    unusable = [(pair.label_map, m) for pair, m in zip(everything, maps, strict=True) if isinstance(m, UnusableLabels)]
    if unusable:
        raise ValueError(f"{len(unusable)} of {number} label maps cannot be used: {unusable[0][0]} {unusable[0][1]}.")
    found = {}
    for pair, size, label_map in zip(everything, sizes, maps, strict=True):
        reason = _reason(pair, size, label_map)
        if reason:
            left_out[pair.image] = reason
        else:
            assert isinstance(label_map, LabelMapFile)
            assert not isinstance(size, str)
            found[pair] = _Sample(pair, size, as_trained(label_map.counts, reduce_zero_label))
    bad = [pair for pair in everything if pair not in found]
    if bad:
        shown = "; ".join(f"{pair.image} {left_out[pair.image]}" for pair in bad[:3])
        text = f"{len(bad)} of {number} images cannot be used with their label maps"
        if len(bad) > MOST_LEFT_OUT * number:
            raise ValueError(f"{text}, and at most {MOST_LEFT_OUT:.0%} may be left out: {shown}")
        findings.append(Finding(f"{text} and are left out: {shown}."))
    return {name: [found[pair] for pair in each.pairs if pair in found] for name, each in pairs.items()}


def _attempt(file: Path) -> LabelMapFile | ValueError | OSError:
    try:
        return read_label_map(file)
    except (ValueError, OSError) as error:
        return error
    except SyntaxError as error:  # what Pillow raises for a broken PNG
        return ValueError(str(error))


def _reason(pair: Pair, size: Size | str, label_map: LabelMapFile | ValueError | OSError) -> str:
    """Return why a pair cannot be used; '' if it can."""
    if isinstance(size, str):
        return size
    if not isinstance(label_map, LabelMapFile):
        return f"has a label map that cannot be read: {pair.label_map.name} {' '.join(str(label_map).split())}"
    if size != (label_map.width, label_map.height):
        return f"has {size[0]} x {size[1]} pixels, its label map has {label_map.width} x {label_map.height}"
    return odd_name(pair.name)


def _drop(
    samples: list[_Sample], images: set[Path], why: str, left_out: dict[Path, str], findings: list[Finding]
) -> list[_Sample]:
    """Leave out samples by their images."""
    gone = [sample.pair.image for sample in samples if sample.pair.image in images]
    if gone:
        left_out |= dict.fromkeys(gone, why)
        findings.append(Finding(f"{len(gone)} of {len(samples)} images are left out, {why}: {some(gone, 3)}."))
    return [sample for sample in samples if sample.pair.image not in images]


def _divide(samples: list[_Sample]) -> dict[str, list[_Sample]]:
    """Hold out a fifth."""
    shown = {sample.pair.name: np.flatnonzero(sample.counts[:IGNORED]).tolist() for sample in samples}
    held = hold_out({name: {str(label) for label in labels} for name, labels in shown.items()})
    return {
        "train": [sample for sample in samples if sample.pair.name not in held],
        "val": [sample for sample in samples if sample.pair.name in held],
    }


def _write_part(out: Path, name: str, folders: Folders, samples: Sequence[_Sample]) -> Part:
    """Write the lists: ``train.txt``, and ``train_2.txt`` and so on for images with other endings."""
    names: dict[tuple[str, str], list[str]] = defaultdict(list)
    for sample in samples:
        pair = sample.pair
        endings = (
            pair.image.relative_to(folders.images).as_posix()[len(pair.name) :],
            pair.label_map.relative_to(folders.label_maps).as_posix()[len(pair.name) :],
        )
        names[endings].append(pair.name)
    lists = []
    for number, (endings, listed) in enumerate(sorted(names.items(), key=lambda item: -len(item[1])), 1):
        file = out / (f"{name}_{number}.txt" if number > 1 else f"{name}.txt")
        write_lines(file, listed)
        lists.append(FileList(file, *endings))
    return Part(folders.images, folders.label_maps, tuple(lists), len(samples))

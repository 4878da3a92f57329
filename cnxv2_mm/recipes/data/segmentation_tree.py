"""Where the images and the label maps of a data set lie, and which map belongs to which image."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from cnxv2_mm.images.formats import find_images
from cnxv2_mm.recipes.data.endings import IMAGE_ENDINGS, LABEL_MAP_ENDINGS

TREES = """images/training/*.jpg, annotations/training/*.png, and the same in validation/ (ADE20K)
images/train/*.jpg, masks/train/*.png, and the same in val/ (labels/ or annotations/ do, too)
images/*.jpg, masks/*.png (a fifth is held out)"""

IMAGE_FOLDERS = ("images", "img_dir", "imgs", "leftImg8bit", "JPEGImages")
MAP_FOLDERS = ("annotations", "masks", "labels", "ann_dir", "label_maps", "gtFine", "SegmentationClass")
_TRAIN = ("training", "train")
_VAL = ("validation", "val", "valid")
# What names of images and of their maps may end in, beside what they share.
_IMAGE_MARKS = ("", "_leftImg8bit")
_MAP_MARKS = ("", "_mask", "_label", "_labels", "_gtFine_labelTrainIds")


@dataclass(frozen=True)
class Pair:
    """An image and its label map.

    Attributes:
        name: What both paths share, relative to their folders and without endings.
        image: The image file.
        label_map: The file of its label map.
    """

    name: str
    image: Path
    label_map: Path


@dataclass(frozen=True)
class Folders:
    """A folder of images, and the folder of their label maps; both may have folders in them."""

    images: Path
    label_maps: Path


@dataclass(frozen=True)
class Pairs:
    """What the two folders hold.

    Attributes:
        folders: The folders.
        pairs: Images with their label maps, sorted by name.
        images_alone: Images without a label map.
        maps_alone: Label maps without an image.
        twice: Images and label maps whose name another one has, with another ending; that one is used.
    """

    folders: Folders
    pairs: tuple[Pair, ...]
    images_alone: tuple[Path, ...]
    maps_alone: tuple[Path, ...]
    twice: tuple[Path, ...]


def find_folders(root: Path) -> dict[str, Folders]:
    """Find the folders of a data set.

    Args:
        root: The data set's folder.

    Returns:
        ``train`` and ``val``, or ``train`` alone where there is no split or no validation; nothing if the folder has
        none of the known trees.
    """
    splits = {split: _folders(root, names) for split, names in (("train", _TRAIN), ("val", _VAL))}
    found = {split: folders for split, folders in splits.items() if folders is not None}
    if "train" in found:
        return found
    whole = _folders(root, ())
    return {"train": whole} if whole is not None else {}


def unlabelled_validation(root: Path) -> Path | None:
    """Return a folder of validation images whose label maps have no folder; None if there is none."""
    if _folders(root, _VAL) is not None:
        return None
    return next((place for place in _places(root, IMAGE_FOLDERS, _VAL) if place.is_dir()), None)


def _folders(root: Path, split_names: Sequence[str]) -> Folders | None:
    images = _first(_places(root, IMAGE_FOLDERS, split_names), IMAGE_ENDINGS)
    maps = _first(_places(root, MAP_FOLDERS, split_names), LABEL_MAP_ENDINGS)
    return Folders(images, maps) if images is not None and maps is not None else None


def _places(root: Path, names: Sequence[str], split_names: Sequence[str]) -> Iterator[Path]:
    """Yield ``images/train`` and ``train/images`` in all names that are there."""
    for name, split in product(names, split_names or ("",)):
        yield from dict.fromkeys((root / name / split, root / split / name))


def _first(places: Iterator[Path], endings: Sequence[str]) -> Path | None:
    """Return the first folder with such files in it; else the first that is there: its files are of another kind."""
    there = [place for place in places if place.is_dir()]
    return next((place for place in there if _files(place, endings)), next(iter(there), None))


def _files(folder: Path, endings: Sequence[str]) -> list[Path]:
    return [file for file in find_images(folder) if file.suffix.lower() in endings]


def find_pairs(folders: Folders) -> Pairs:
    """Pair images with label maps by their names.

    Beside its ending, the name of a map may have a mark that its image lacks, such as ``_mask`` or Cityscapes'
    ``_gtFine_labelTrainIds``. Of the known marks those are taken that give the most pairs; files without the mark of
    the maps are something else then, and not looked at.

    Args:
        folders: Where they lie.
    """
    files = _files(folders.images, IMAGE_ENDINGS), _files(folders.label_maps, LABEL_MAP_ENDINGS)
    choices = [
        (_by_name(folders.images, files[0], image_mark), _by_name(folders.label_maps, files[1], map_mark))
        for image_mark, map_mark in product(_IMAGE_MARKS, _MAP_MARKS)
    ]
    images, maps = max(choices, key=lambda choice: len(choice[0].keys() & choice[1].keys()))
    pairs = tuple(Pair(name, images[name][0], maps[name][0]) for name in sorted(images.keys() & maps.keys()))
    return Pairs(
        folders,
        pairs,
        tuple(images[name][0] for name in sorted(images.keys() - maps.keys())),
        tuple(maps[name][0] for name in sorted(maps.keys() - images.keys())),
        tuple(file for named in (images, maps) for same in named.values() for file in same[1:]),
    )


def _by_name(folder: Path, files: Sequence[Path], mark: str) -> dict[str, list[Path]]:
    """Return the files of each name, which is their path without the mark and the ending."""
    named: dict[str, list[Path]] = {}
    for file in files:
        stem = file.stem.removesuffix(mark)
        if file.stem.endswith(mark) and stem:
            named.setdefault(file.relative_to(folder).with_name(stem).as_posix(), []).append(file)
    return named

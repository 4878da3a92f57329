"""What kind of labels a folder seems to hold, for data that was given to another task."""

from pathlib import Path

from cnxv2_mm.images.formats import find_images
from cnxv2_mm.recipes.data.segmentation_tree import IMAGE_FOLDERS, MAP_FOLDERS, find_folders

_FIRST_BYTES = 2**20
_NO_CLASSES = {*IMAGE_FOLDERS, *MAP_FOLDERS}


def other_kind(folder: Path, wanted: str) -> str:
    """Return a sentence if a folder seems to hold labels of another task, else ''.

    Args:
        folder: The data set's folder.
        wanted: The task: ``segment`` or ``classify``.
    """
    coco = next((file for file in sorted([*folder.glob("*.json"), *folder.glob("*/*.json")]) if _is_coco(file)), None)
    if coco is not None:
        return f"{coco} seems to be COCO's format: cnxv2 finetune detect {folder}"
    if wanted != "segment" and find_folders(folder):
        return f"{folder} seems to have label maps: cnxv2 finetune segment {folder}"
    if wanted != "classify":
        train = next((folder / name for name in ("train", "training") if (folder / name).is_dir()), folder)
        classes = [place for place in train.iterdir() if place.is_dir() and place.name not in _NO_CLASSES]
        classes = [place for place in classes if find_images(place)]
        if len(classes) > 1:
            names = ", ".join(sorted(place.name for place in classes)[:3])
            return f"{train} seems to have a folder for each class ({names}): cnxv2 finetune classify {folder}"
    return ""


def _is_coco(file: Path) -> bool:
    with file.open("rb") as opened:
        content = opened.read(_FIRST_BYTES)
    return any(key in content for key in (b'"images"', b'"annotations"', b'"categories"'))

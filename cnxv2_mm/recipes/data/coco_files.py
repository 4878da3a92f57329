"""Where a folder has its COCO files and the images they name. Labels of another format are refused with their name."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from cnxv2_mm.images.formats import find_images, is_image_name
from cnxv2_mm.training.data_check.findings import some

Content = dict[str, Any]

# The two parts of a data set and their COCO files, in the order of preference.
_TRAIN = (
    "annotations/instances_train*.json",
    "annotations/train*.json",
    "train/_annotations.coco.json",
    "train/annotations.json",
    "train.json",
)
_VAL = (
    "annotations/instances_val*.json",
    "annotations/val*.json",
    "valid/_annotations.coco.json",
    "val/_annotations.coco.json",
    "val/annotations.json",
    "valid/annotations.json",
    "val.json",
)
_SINGLE = ("*.json", "annotations/*.json", "train/*.json")
_IMAGE_FOLDERS = ("{part}*", "images/{part}*", "{part}*/images", "*/{part}*")
_FORMS = (
    "annotations/instances_train*.json and instances_val*.json with train*/ and val*/; annotations/train.json and "
    "val.json; train/_annotations.coco.json and valid/_annotations.coco.json; or one COCO file beside the images"
)


def find_files(data: Path) -> tuple[Path, Path | None]:
    """Return the COCO files for training and for validation; None for the latter where one file has everything.

    Args:
        data: A folder, or the one COCO file itself.

    Raises:
        FileNotFoundError: There is no such folder.
        ValueError: It has no COCO file, or several that could be meant. The text says what is there instead.
    """
    if data.is_file() and data.suffix == ".json":
        return data, None
    if not data.is_dir():
        raise FileNotFoundError(f"data folder {str(data)!r} does not exist (looked for {data.absolute()})")
    train, val = _first(data, _TRAIN), _first(data, _VAL)
    if train and val:
        return train, val
    if val and not train:
        raise ValueError(f"{data} has {val.relative_to(data)} and no such file for training; expected: {_FORMS}")
    candidates = [train] if train else [file for pattern in _SINGLE for file in sorted(data.glob(pattern))]
    single = [file for file in candidates if _is_coco(file)]
    if len(single) > 1:
        names = some(file.relative_to(data) for file in single)
        raise ValueError(f"{data} has several COCO files ({names}): give the one that is meant in the place of {data}")
    if not single:
        raise ValueError(f"{data} has {_other_format(data, candidates)}; expected labels in COCO's format: {_FORMS}")
    return single[0], None


def read_file(file: Path) -> Content:
    """Return the content of a COCO file.

    Raises:
        ValueError: It is no JSON, or no COCO file.
    """
    try:
        content = json.loads(file.read_bytes())
    except ValueError as error:
        raise ValueError(f"{file} is no JSON file: {error}") from None
    keys = ("images", "annotations", "categories")
    wrong = [key for key in keys if not isinstance(content, dict) or not _is_list_of_objects(content.get(key))]
    if wrong:
        raise ValueError(f"{file} is no COCO file: it has no list of {' and no list of '.join(wrong)}")
    return content


def locate(data: Path, file: Path, part: str, names: Sequence[str]) -> list[Path | str]:
    """Find the images that a COCO file names: in the usual folders, or else anywhere by the last part of their name.

    Args:
        data: The folder of the data set.
        file: The COCO file.
        part: 'train' or 'val', which the images' folder may be called.
        names: The file names in the COCO file.

    Returns:
        The path of each image, or why there is none.
    """
    parts = (part, "valid") if part == "val" else (part,)
    folders = [file.parent, data, file.parent / "images", data / "images", file.parent.parent]
    for name in parts:
        for pattern in _IMAGE_FOLDERS:
            folders += [path for path in sorted(data.glob(pattern.format(part=name))) if path.is_dir()]
    folders = list(dict.fromkeys(folders))
    by_name: dict[str, list[Path]] | None = None
    found: list[Path | str] = []
    for name in names:
        relative = name.replace("\\", "/")
        path = next((folder / relative for folder in folders if (folder / relative).is_file()), None)
        if path is None:
            if by_name is None:
                by_name = _images_below(data)
            same = by_name.get(Path(relative).name, [])
            if len(same) > 1:
                found.append(f"could be {some(same)}")
                continue
            path = same[0] if same else None
        found.append(path or "does not exist")
    return found


def _first(data: Path, patterns: Sequence[str]) -> Path | None:
    for pattern in patterns:
        files = sorted(data.glob(pattern))
        if len(files) > 1:
            names = some(file.relative_to(data) for file in files)
            raise ValueError(f"{data} has several files {pattern} ({names}): leave the one that is meant")
        if files:
            return files[0]
    return None


def _is_coco(file: Path) -> bool:
    try:
        read_file(file)
    except (ValueError, OSError):
        return False
    return True


def _is_list_of_objects(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(entry, Mapping) for entry in value)


def _images_below(data: Path) -> dict[str, list[Path]]:
    found = defaultdict(list)
    for path in find_images(data):
        found[path.name].append(path)
    return found


def _other_format(data: Path, jsons: Sequence[Path]) -> str:
    """Return what labels there are, for a sentence."""
    return next(_formats(data, jsons), "no labels that are known")


def _formats(data: Path, jsons: Sequence[Path]) -> Iterator[str]:
    files = [path for path in sorted(data.rglob("*"))[:20_000] if path.is_file()]
    for file in [*jsons, *(path for path in files if path.suffix == ".json")][:3]:
        yield f"{file.relative_to(data)}, {_kind_of_json(file)}"
    text = [path for path in files if path.suffix == ".txt" and _is_yolo(path)]
    if text:
        yield f"labels in YOLO's format ({len(text)} text files such as {text[0].relative_to(data)})"
    xml = [path for path in files if path.suffix == ".xml"]
    if xml:
        yield f"labels in Pascal VOC's format ({len(xml)} XML files such as {xml[0].relative_to(data)})"
    images = [path for path in files if is_image_name(path.name)]
    maps = {"annotations", "labels", "masks"} & {part for path in images for part in path.relative_to(data).parts[:-1]}
    if maps:
        yield f"label maps in {maps.pop()}/, for `finetune segment`"
    classes = {path.parent.name for path in images if len(path.relative_to(data).parts) == 3}
    if len(classes) > 1:
        yield f"folders of classes ({some(sorted(classes))}), for `finetune classify`"
    if images:
        yield f"{len(images)} images and no labels"
    yield f"no image and no label in {len(files)} files" if files else "no file"


def _kind_of_json(file: Path) -> str:
    try:
        content = json.loads(file.read_bytes())
    except ValueError:
        return "which is no JSON"
    if isinstance(content, dict) and "shapes" in content:
        return "a file of LabelMe, not of COCO"
    if isinstance(content, list) and content and isinstance(content[0], dict) and "annotations" in content[0]:
        kind = "Label Studio's own" if "data" in content[0] else "CreateML's"
        return f"a file in {kind} format: export it as COCO"
    if isinstance(content, dict) and any(isinstance(v, dict) and "regions" in v for v in content.values()):
        return "a file of the VGG Image Annotator: export it as COCO"
    return "which is no COCO file"


def _is_yolo(file: Path) -> bool:
    try:
        first = file.read_text(errors="replace").splitlines()[:1]
        numbers = [float(word) for word in first[0].split()] if first else []
    except ValueError:
        return False
    return len(numbers) >= 5 and numbers[0].is_integer() and all(0 <= number <= 1 for number in numbers[1:])

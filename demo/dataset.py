"""The demo's data set on disk, in the three formats that OpenMMLab's libraries read.

    coco/annotations/instances_{train,val}.json   boxes and masks of the scenes in coco/{train,val}/*.jpg
    imagenet/{train,val}/<digit>/*.jpg            pictures: one large digit on a photograph
    ade/annotations/{training,validation}/*.png   labels of the same pictures in ade/images/{training,validation}/*.jpg
    manifest.json                                 how all this was made; written last

Labels follow ADE20K: 0 means "other" and is ignored (``reduce_zero_label=True``; none occurs here), 1 is the
photograph and 2..11 are the digits 0..9. Every scan and every photograph belongs to one split only.
"""

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
from pycocotools import mask as rle

from demo.digits import CLASSES, Scans, load_scans
from demo.photographs import Split, load_photographs, random_background
from demo.scenes import Scene, compose

# Raise it when the same parameters would give other files: existing data sets are then made again.
VERSION = 2
MANIFEST = "manifest.json"
# The longer side of a digit, as a share of the side of its scene or picture.
SCENE_DIGITS = (0.34, 0.46)
PICTURE_DIGITS = (0.8, 0.95)
ADE_FOLDERS: dict[Split, str] = {"train": "training", "val": "validation"}
SPLITS: tuple[Split, ...] = ("train", "val")
# ADE20K label of the photograph; digit d has label DIGIT_LABEL + d.
BACKGROUND_LABEL = 1
DIGIT_LABEL = 2


@dataclass(frozen=True)
class DatasetSpec:
    """What to write.

    Scenes hold ``min_digits`` to ``max_digits`` digits, or fewer where there is no room; pictures
    hold one, and there are ``train_pictures`` or ``val_pictures`` of every scan. Sizes are in pixels.
    """

    train_scenes: int = 400
    val_scenes: int = 100
    scene_size: int = 160
    min_digits: int = 2
    max_digits: int = 5
    train_pictures: int = 4
    val_pictures: int = 1
    picture_size: int = 64
    seed: int = 0

    def scenes(self, split: Split) -> int:
        """How many scenes ``split`` holds."""
        return self.train_scenes if split == "train" else self.val_scenes

    def pictures(self, split: Split) -> int:
        """How many pictures ``split`` holds of each of its scans."""
        return self.train_pictures if split == "train" else self.val_pictures


def is_complete(root: Path, spec: DatasetSpec) -> bool:
    """Whether ``root`` holds the whole data set that this version of the demo writes for ``spec``."""
    manifest = root / MANIFEST
    return manifest.is_file() and json.loads(manifest.read_text()) == _manifest(spec)


def count_steps(spec: DatasetSpec) -> int:
    """How many times ``write_dataset`` calls ``step``: once for each scene and each picture."""
    return sum(spec.scenes(split) + spec.pictures(split) * len(load_scans(split, spec.seed).index) for split in SPLITS)


def write_dataset(root: Path, spec: DatasetSpec, step: Callable[[], None] = lambda: None) -> None:
    """Write the data set into ``root``, replacing what an earlier or interrupted run left there.

    The same ``spec`` gives the same bytes. ``step`` is called after each scene and picture. Raises ValueError
    when ``root`` holds something other than a demo data set.
    """
    _clear(root)
    for split in SPLITS:
        photographs, scans = load_photographs(split), load_scans(split, spec.seed)
        _write_scenes(root, split, spec, photographs, scans, step)
        _write_pictures(root, split, spec, photographs, scans, step)
    (root / MANIFEST).write_text(json.dumps(_manifest(spec), indent=2) + "\n")


def _manifest(spec: DatasetSpec) -> dict[str, object]:
    return {"made_by": "python -m demo", "version": VERSION, "spec": asdict(spec)}


def _clear(root: Path) -> None:
    ours = {"coco", "ade", "imagenet", MANIFEST}
    strangers = sorted(entry.name for entry in root.iterdir() if entry.name not in ours) if root.exists() else []
    if strangers:
        raise ValueError(f"{root} holds {strangers}, which the demo did not write: give an empty or a new folder")
    # The manifest goes first: what remains after an interruption must not count as complete.
    (root / MANIFEST).unlink(missing_ok=True)
    for name in ours - {MANIFEST}:
        shutil.rmtree(root / name, ignore_errors=True)
    root.mkdir(parents=True, exist_ok=True)


def _write_scenes(
    root: Path,
    split: Split,
    spec: DatasetSpec,
    photographs: list[np.ndarray],
    scans: Scans,
    step: Callable[[], None],
) -> None:
    coco_images = _folder(root / "coco" / split)
    images: list[dict[str, object]] = []
    annotations: list[dict[str, object]] = []
    for number in range(spec.scenes(split)):
        # A generator of its own for each scene: their content does not depend on how many there are.
        rng = np.random.default_rng([spec.seed, SPLITS.index(split), 0, number])
        background = random_background(photographs, spec.scene_size, rng)
        chosen = rng.choice(len(scans.index), size=rng.integers(spec.min_digits, spec.max_digits + 1), replace=False)
        scene = compose(background, scans, chosen, SCENE_DIGITS, rng)
        name = f"{number:06d}"
        (coco_images / f"{name}.jpg").write_bytes(_jpeg(scene.image))
        images.append({"id": number, "file_name": f"{name}.jpg", "height": spec.scene_size, "width": spec.scene_size})
        annotations += coco_annotations(scene, number, first_id=len(annotations) + 1)
        step()
    categories = [{"id": digit + 1, "name": name} for digit, name in enumerate(CLASSES)]
    coco = {"images": images, "annotations": annotations, "categories": categories}
    (_folder(root / "coco" / "annotations") / f"instances_{split}.json").write_text(json.dumps(coco))


def _write_pictures(
    root: Path,
    split: Split,
    spec: DatasetSpec,
    photographs: list[np.ndarray],
    scans: Scans,
    step: Callable[[], None],
) -> None:
    folders = [_folder(root / "imagenet" / split / name) for name in CLASSES]
    ade_images = _folder(root / "ade" / "images" / ADE_FOLDERS[split])
    ade_labels = _folder(root / "ade" / "annotations" / ADE_FOLDERS[split])
    for position, (scan, digit) in enumerate(zip(scans.index, scans.digit, strict=True)):
        for copy in range(spec.pictures(split)):
            rng = np.random.default_rng([spec.seed, SPLITS.index(split), 1, scan, copy])
            background = random_background(photographs, spec.picture_size, rng)
            scene = compose(background, scans, np.array([position]), PICTURE_DIGITS, rng)
            # Sorted by name, the class folders and the labelled pictures are in the same order.
            name, jpeg = f"digit{digit}_scan{scan:04d}_{copy}", _jpeg(scene.image)
            (folders[digit] / f"{name}.jpg").write_bytes(jpeg)
            (ade_images / f"{name}.jpg").write_bytes(jpeg)
            cv2.imwrite(str(ade_labels / f"{name}.png"), label_map(scene))
            step()


def coco_annotations(scene: Scene, image_id: int, first_id: int) -> list[dict[str, object]]:
    """Return the scene's digits as COCO annotations; ``scan`` is ours, the index of the scan in the digits set."""
    annotations: list[dict[str, object]] = []
    for offset, instance in enumerate(scene.instances):
        segmentation = rle.encode(np.asfortranarray(instance.visible.astype(np.uint8)))
        annotations.append(
            {
                "id": first_id + offset,
                "image_id": image_id,
                "category_id": instance.digit + 1,
                "bbox": rle.toBbox(segmentation).tolist(),
                "area": int(rle.area(segmentation)),
                "iscrowd": 0,
                "segmentation": {"size": segmentation["size"], "counts": segmentation["counts"].decode()},
                "scan": instance.scan,
            }
        )
    return annotations


def label_map(scene: Scene) -> np.ndarray:
    """Return the ADE20K-style labels (H, W) in bytes."""
    labels = np.full(scene.image.shape[:2], BACKGROUND_LABEL, np.uint8)
    for instance in scene.instances:
        labels[instance.visible] = DIGIT_LABEL + instance.digit
    return labels


def _folder(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    return path


def _jpeg(image: np.ndarray) -> bytes:
    return cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()

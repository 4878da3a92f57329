"""Small real data in the trees that the configs expect: handwritten digits on photographs."""

import json
from pathlib import Path

import cv2
import numpy as np
from skimage import data
from sklearn.datasets import load_digits

SIDE = 64


def pictures(num: int) -> list[tuple[np.ndarray, np.ndarray, int]]:
    """(image, mask of its digit, which digit) for the first so many digits, on crops of three photographs."""
    digits = load_digits()
    photographs = [data.astronaut(), data.chelsea(), data.coffee()]
    found = []
    for i in range(num):
        scan = cv2.resize(digits.images[i].astype(np.float32) / 16, (40, 40), interpolation=cv2.INTER_LINEAR)
        mask = np.zeros((SIDE, SIDE), bool)
        mask[12:52, 12:52] = scan > 0.4
        top, left = 17 * i % 200, 29 * i % 300
        image = photographs[i % 3][top : top + SIDE, left : left + SIDE].copy()
        image[mask] = (250, 240, 20)
        found.append((image, mask, int(digits.target[i])))
    return found


def write(path: Path, image: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image[..., ::-1] if image.ndim == 3 else image)


def write_class_folders(root: Path, num: int = 20) -> None:
    """train/<digit>/*.png and val/<digit>/*.png."""
    for i, (image, _, digit) in enumerate(pictures(num)):
        for split in ("train", "val"):
            write(root / split / str(digit) / f"{i}.png", image)


def write_coco(root: Path, num: int = 6) -> None:
    """COCO's tree; digits are the first ten of its classes."""
    images, annotations = [], []
    for i, (image, mask, digit) in enumerate(pictures(num), start=1):
        for split in ("train", "val"):
            write(root / f"{split}2017" / f"{i}.png", image)
        images.append({"id": i, "file_name": f"{i}.png", "height": SIDE, "width": SIDE})
        contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        outline = max(contours, key=len)
        x, y, width, height = cv2.boundingRect(outline)
        annotations.append(
            {
                "id": i,
                "image_id": i,
                "category_id": digit + 1,
                "bbox": [x, y, width, height],
                "area": int(mask.sum()),
                "iscrowd": 0,
                "segmentation": [outline.flatten().tolist()],
            }
        )
    (root / "annotations").mkdir(parents=True)
    for split in ("train", "val"):
        content = {
            "images": images,
            "annotations": annotations,
            "categories": [{"id": n + 1, "name": name} for n, name in enumerate(COCO_NAMES)],
        }
        (root / "annotations" / f"instances_{split}2017.json").write_text(json.dumps(content))


# The first ten names of COCO's classes: the data set class finds annotations by name.
COCO_NAMES = (
    "person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat", "traffic light",
)  # fmt: skip


def write_ade(root: Path, num: int = 6) -> None:
    """ADE20K's tree; 0 is no class, 1 the photograph, 2 to 11 the digits."""
    for i, (image, mask, digit) in enumerate(pictures(num)):
        for split in ("training", "validation"):
            # The data set class looks for the ending .jpg.
            write(root / "images" / split / f"{i}.jpg", image)
            write(root / "annotations" / split / f"{i}.png", np.where(mask, digit + 2, 1).astype(np.uint8))

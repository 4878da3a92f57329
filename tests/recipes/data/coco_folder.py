"""Labelled photographs on disk in COCO's trees, sound ones, for tests to spoil."""

import copy
import json
from pathlib import Path

import cv2
from sklearn.datasets import load_sample_images

SIDE = 64
CATEGORIES = [{"id": 3, "name": "roof"}, {"id": 4, "name": "petal"}]


class CocoFolder:
    """Crops of two photographs, 64 x 64 pixels, with two objects each, which have boxes and polygons.

    ``contents`` are the COCO files by part; :meth:`write` writes them and the images.
    """

    def __init__(self, root: Path, train: int = 10, val: int = 4, masks: bool = True) -> None:
        self.root = root
        self.contents = {"train": content(train, 0, masks), "val": content(val, train, masks)}

    def write(self, form: str = "coco") -> Path:
        for part, told in self.contents.items():
            folder, file = {
                "coco": (f"{part}2017", f"annotations/instances_{part}2017.json"),
                "plain": (f"images/{part}", f"annotations/{part}.json"),
                "roboflow": ({"val": "valid"}.get(part, part),) * 2,
            }[form]
            if form == "roboflow":
                file = f"{folder}/_annotations.coco.json"
            write_images(self.root / folder, told)
            path = self.root / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(told))
        return self.root

    def write_single(self, folder: str = "images", file: str = "result.json") -> Path:
        told = self.contents["train"]
        write_images(self.root / folder, told)
        (self.root / file).parent.mkdir(parents=True, exist_ok=True)
        (self.root / file).write_text(json.dumps(told))
        return self.root


def content(number: int, first: int, masks: bool) -> dict:
    images, annotations = [], []
    for i in range(first, first + number):
        images.append({"id": i + 1, "file_name": f"{i:03}.jpg", "width": SIDE, "height": SIDE})
        for j in range(2):
            x, y, w, h = 2 + 30 * j, 4 + i % 7, 20 + i % 5, 30
            one = {"id": 2 * i + j + 1, "image_id": i + 1, "category_id": 3 + (i + j) % 2, "bbox": [x, y, w, h]}
            one |= {"area": w * h, "iscrowd": 0}
            if masks:
                one["segmentation"] = [[x, y, x + w, y, x + w, y + h, x, y + h]]
            annotations.append(one)
    return {"images": images, "annotations": annotations, "categories": copy.deepcopy(CATEGORIES)}


def write_images(folder: Path, told: dict) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    photographs = load_sample_images().images
    for image in told["images"]:
        i = image["id"]
        top, left = 31 * i % 300, 47 * i % 500
        crop = photographs[i % 2][top : top + SIDE, left : left + SIDE, ::-1]
        assert cv2.imwrite(str(folder / image["file_name"]), crop)

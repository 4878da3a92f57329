"""What a model found in a folder of images, as one JSON object: COCO's format, label maps, or classes."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from cnxv2_mm.prediction.drawing import class_name
from cnxv2_mm.prediction.masks import as_code, coco_mask
from cnxv2_mm.whole_file import whole_file

_TOP = 5
_DIGITS = 3  # behind the point, of pixels
_SHARE_DIGITS = 6


class Results(ABC):
    """Collects what was found, image by image.

    Args:
        classes: The names of the classes; one beyond them is called by its number.
        min_score: Instances with a lower score are left out.
        out: The folder of the results.
    """

    def __init__(self, classes: Sequence[str], min_score: float, out: Path) -> None:
        self._classes = classes
        self._out = out
        self._min_score = min_score
        self._images: list[dict[str, Any]] = []

    @abstractmethod
    def add(self, name: str, sample: Any, label_map: Path) -> None:
        """Add what was found in an image.

        Args:
            name: Its file's name, relative to the folder of the images.
            sample: A data sample.
            label_map: The file to write if the sample has a label map, relative to the folder of the results.
        """

    @abstractmethod
    def as_json(self) -> dict[str, Any]:
        """Return all that was found, to be written as JSON."""


class Detections(Results):
    """Boxes and masks in the format of COCO: a whole file of annotations, which also have the results' ``score``.

    The numbers of classes and of images begin with 1.
    """

    def __init__(self, classes: Sequence[str], min_score: float, out: Path) -> None:
        super().__init__(classes, min_score, out)
        self._annotations: list[dict[str, Any]] = []

    def add(self, name: str, sample: Any, label_map: Path) -> None:
        height, width = sample.ori_shape
        image = {"id": len(self._images) + 1, "file_name": name, "width": width, "height": height}
        self._images.append(image)
        found = sample.pred_instances
        boxes = getattr(found.bboxes, "tensor", found.bboxes).tolist()
        for i, (box, label, score) in enumerate(zip(boxes, found.labels.tolist(), found.scores.tolist(), strict=True)):
            if score < self._min_score:
                continue
            left, top, right, bottom = box
            annotation = {
                "id": len(self._annotations) + 1,
                "image_id": image["id"],
                "category_id": label + 1,
                "bbox": [round(x, _DIGITS) for x in (left, top, right - left, bottom - top)],
                "area": round((right - left) * (bottom - top), _DIGITS),
                "score": score,
                "iscrowd": 0,
            }
            if "masks" in found:
                code = as_code(found.masks[i])
                annotation["area"] = int(coco_mask().area(code))
                annotation["segmentation"] = {"size": code["size"], "counts": code["counts"].decode()}
            self._annotations.append(annotation)

    def as_json(self) -> dict[str, Any]:
        number = max([len(self._classes), *(one["category_id"] for one in self._annotations)])
        categories = [{"id": i + 1, "name": class_name(self._classes, i)} for i in range(number)]
        return {"images": self._images, "categories": categories, "annotations": self._annotations}


class LabelMaps(Results):
    """Label maps as PNG files, whose values are the numbers of the classes from 0, and the share of each class."""

    def add(self, name: str, sample: Any, label_map: Path) -> None:
        labels = sample.pred_sem_seg.data.numpy()
        labels = labels.reshape(labels.shape[-2:])
        file = self._out / label_map
        file.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(file) as part:
            bits = np.uint8 if labels.max(initial=0) < 256 else np.uint16
            Image.fromarray(labels.astype(bits)).save(part, format="PNG")
        values, counts = np.unique(labels, return_counts=True)
        shares = {
            class_name(self._classes, int(value)): round(int(count) / labels.size, _SHARE_DIGITS)
            for value, count in zip(values, counts, strict=True)
        }
        height, width = labels.shape
        image = {
            "file_name": name,
            "width": width,
            "height": height,
            "label_map": label_map.as_posix(),
            "shares": shares,
        }
        self._images.append(image)

    def as_json(self) -> dict[str, Any]:
        return {"classes": _by_number(self._classes), "images": self._images}


class Classes(Results):
    """The most probable class of each image, its probability, and the five most probable ones."""

    def add(self, name: str, sample: Any, label_map: Path) -> None:
        scores = sample.pred_score
        top = [
            {"class": class_name(self._classes, label), "probability": float(scores[label])}
            for label in scores.argsort(descending=True)[:_TOP].tolist()
        ]
        self._images.append({"file_name": name, **top[0], "top_five": top})

    def as_json(self) -> dict[str, Any]:
        return {"classes": _by_number(self._classes), "images": self._images}


def results_for(sample: Any, classes: Sequence[str], min_score: float, out: Path) -> Results:
    """Return what collects samples of this kind; the arguments are those of :class:`Results`.

    Raises:
        ValueError: The sample is not of a detector, a segmenter or a classifier.
    """
    for field, kind in (("pred_instances", Detections), ("pred_sem_seg", LabelMaps), ("pred_score", Classes)):
        if field in sample:
            return kind(classes, min_score, out)
    found = ", ".join(sample.keys()) or "nothing"
    raise ValueError(f"the model gives {found}, and only detectors, segmenters and classifiers predict here")


def _by_number(classes: Sequence[str]) -> Mapping[str, str]:
    return {str(i): name for i, name in enumerate(classes)}

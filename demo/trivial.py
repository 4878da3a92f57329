"""What predictors that never look at the image score on validation: the least that a score has to beat."""

import contextlib
import io
import json
from pathlib import Path

import cv2
import numpy as np
from pycocotools import mask as rle
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from demo.digits import CLASSES


def trivial_scores(data_root: Path) -> dict[str, float]:
    """Return the scores of such predictors, as fractions, under the keys of the metrics in ``demo.tasks``.

    Reconstruction is not among them: the validation itself reports what painting each patch in its mean gets.
    """
    ap50 = constant_detector_ap50(data_root)
    return {
        "accuracy/top1": most_frequent_class_accuracy(data_root),
        "coco/bbox_mAP_50": ap50["bbox"],
        "coco/segm_mAP_50": ap50["segm"],
        "mIoU": background_only_miou(data_root, num_classes=1 + len(CLASSES)),
    }


def most_frequent_class_accuracy(data_root: Path) -> float:
    """Top-1 accuracy of always naming the class that has the most training pictures."""
    train, val = (_count_pictures(data_root / "imagenet" / split) for split in ("train", "val"))
    return val[max(train, key=train.__getitem__)] / sum(val.values())


def background_only_miou(data_root: Path, num_classes: int) -> float:
    """Mean IoU of labelling every pixel as the photograph, label 1 of 1..``num_classes``.

    Classes that occur in no label and in no prediction do not count, as in mmseg.
    """
    labels = [_read(path) for path in sorted((data_root / "ade/annotations/validation").iterdir())]
    pixels = np.sum([np.bincount(label.ravel(), minlength=num_classes + 1) for label in labels], axis=0)[1:]
    intersection = np.where(np.arange(num_classes) == 0, pixels, 0)
    union = np.where(np.arange(num_classes) == 0, pixels.sum(), pixels)
    return float((intersection[union > 0] / union[union > 0]).mean())


def constant_detector_ap50(data_root: Path) -> dict[str, float]:
    """AP50 of the same detections in every image: one box for each class, the mean of its training boxes.

    The score of a detection is its class's share of the training boxes and its mask fills the box. Returns the
    AP50 of boxes under ``bbox`` and of masks under ``segm``.
    """
    annotations = data_root / "coco/annotations"
    truth = json.loads((annotations / "instances_train.json").read_text())["annotations"]
    val = annotations / "instances_val.json"
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints what it does
        coco = COCO(val)
        detections = [
            detection
            for image in coco.imgs.values()
            for detection in _mean_boxes(truth, image["id"], image["height"], image["width"])
        ]
        results = coco.loadRes(detections)
        return {kind: _ap50(coco, results, kind) for kind in ("bbox", "segm")}


def _read(path: Path) -> np.ndarray:
    labels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if labels is None:
        raise ValueError(f"{path} is no picture; delete data/demo and run the demo again")
    return labels


def _count_pictures(folder: Path) -> dict[str, int]:
    return {path.name: len(list(path.iterdir())) for path in sorted(folder.iterdir())}


def _mean_boxes(truth: list[dict], image_id: int, height: int, width: int) -> list[dict]:
    detections = []
    for category in sorted({annotation["category_id"] for annotation in truth}):
        boxes = np.array([one["bbox"] for one in truth if one["category_id"] == category])
        left, top, box_width, box_height = boxes.mean(axis=0)
        filled = np.zeros((height, width), np.uint8, order="F")
        filled[round(top) : round(top + box_height), round(left) : round(left + box_width)] = 1
        detections.append(
            {
                "image_id": image_id,
                "category_id": category,
                "bbox": [left, top, box_width, box_height],
                "segmentation": rle.encode(filled),
                "score": len(boxes) / len(truth),
            }
        )
    return detections


def _ap50(truth: COCO, results: COCO, kind: str) -> float:
    evaluation = COCOeval(truth, results, kind)
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    return float(evaluation.stats[1])

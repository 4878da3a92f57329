"""Trivial predictors, against cases worked out by hand."""

import json

import cv2
import numpy as np
import pytest
from pycocotools import mask as rle

from demo import scores, trivial
from demo.tasks import TASKS


def write_coco(path, boxes_by_image):
    """Category 1 only, 20 x 20 pixels, masks that fill their boxes."""
    annotations = []
    for image_id, boxes in enumerate(boxes_by_image):
        for left, top, width, height in boxes:
            filled = np.zeros((20, 20), np.uint8, order="F")
            filled[top : top + height, left : left + width] = 1
            segmentation = rle.encode(filled)
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image_id,
                    "category_id": 1,
                    "bbox": [left, top, width, height],
                    "area": width * height,
                    "iscrowd": 0,
                    "segmentation": {"size": segmentation["size"], "counts": segmentation["counts"].decode()},
                }
            )
    images = [{"id": image_id, "height": 20, "width": 20} for image_id in range(len(boxes_by_image))]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "0"}]}))


def test_most_frequent_class_is_chosen_on_training_pictures(tmp_path):
    for split, counts in {"train": {"0": 2, "1": 3}, "val": {"0": 4, "1": 1}}.items():
        for name, count in counts.items():
            (tmp_path / "imagenet" / split / name).mkdir(parents=True)
            for number in range(count):
                (tmp_path / "imagenet" / split / name / f"{number}.jpg").touch()
    # Class 1 has most of the training pictures, and 1 of the 5 validation pictures.
    assert trivial.most_frequent_class_accuracy(tmp_path) == pytest.approx(1 / 5)


def test_background_only_miou(tmp_path):
    folder = tmp_path / "ade/annotations/validation"
    folder.mkdir(parents=True)
    cv2.imwrite(str(folder / "a.png"), np.array([[1, 1], [1, 2]], np.uint8))
    cv2.imwrite(str(folder / "b.png"), np.array([[1, 1], [3, 0]], np.uint8))
    # Of 7 labelled pixels 5 are background: IoU 5/7; classes 2 and 3 occur and are missed; class 4 does not occur.
    assert trivial.background_only_miou(tmp_path, num_classes=4) == pytest.approx((5 / 7 + 0 + 0) / 3)


def test_constant_detector_finds_what_lies_at_the_mean_box(tmp_path):
    annotations = tmp_path / "coco/annotations"
    write_coco(annotations / "instances_train.json", [[(2, 2, 8, 8)], [(4, 4, 8, 8)]])  # mean (3, 3, 8, 8)
    # The first image's box is the mean box; the second's does not meet it. Two detections of equal score, one of two
    # boxes found: precision is 1 up to recall 1/2, that is at 51 of COCO's 101 recalls.
    write_coco(annotations / "instances_val.json", [[(3, 3, 8, 8)], [(12, 12, 8, 8)]])
    ap50 = trivial.constant_detector_ap50(tmp_path)
    assert ap50 == pytest.approx({"bbox": 51 / 101, "segm": 51 / 101}, abs=1e-6)


def test_every_metric_has_a_trivial_score(tmp_path, monkeypatch):
    monkeypatch.setattr(scores, "read_value", lambda folder, key: 1.0)
    monkeypatch.setattr(trivial, "constant_detector_ap50", lambda root: {"bbox": 0.0, "segm": 0.0})
    monkeypatch.setattr(trivial, "most_frequent_class_accuracy", lambda root: 0.1)
    monkeypatch.setattr(trivial, "background_only_miou", lambda root, num_classes: 0.1)
    known = trivial.trivial_scores(tmp_path) | scores.logged_trivial_scores(tmp_path)
    assert set(known) == {metric.key for task in TASKS for metric in task.metrics}

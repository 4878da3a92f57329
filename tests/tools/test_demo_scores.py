"""The demo's scores: trivial predictors against cases worked out by hand, the reading of logs, the table, the JSON."""

import json

import cv2
import numpy as np
import pytest
from pycocotools import mask as rle
from rich.console import Console

from demo_parts import scores, trivial
from demo_parts.scores import Score, make_score, print_table, read_value, write_json
from demo_parts.tasks import TASKS, Metric, Task
from demo_parts.training import TrainingFailed, describe, train


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


def test_read_value_takes_the_last_value_of_the_newest_run(tmp_path):
    for run, lines in {
        "20260101_000000": ['{"mIoU": 9.0}'],
        "20260102_000000": ['{"loss": 2.0}', '{"mIoU": 50.0}'],
    }.items():
        (tmp_path / run / "vis_data").mkdir(parents=True)
        (tmp_path / run / "vis_data/scalars.json").write_text("\n".join(lines) + "\n")
    assert read_value(tmp_path, "mIoU") == 50.0
    with pytest.raises(KeyError, match=r"'accuracy/top1' is in no line of .*20260102_000000"):
        read_value(tmp_path, "accuracy/top1")
    with pytest.raises(KeyError, match="is in no line of"):
        read_value(tmp_path / "never_run", "mIoU")


@pytest.mark.parametrize(
    ("value", "target", "higher_is_better", "reached"),
    [
        (60.0, 0.6, True, True),
        (59.9, 0.6, True, False),
        (60.0, 0.1, True, True),
        (20.0, 0.1, True, False),  # above its target, but a trivial predictor gets 0.3
        (29.0, None, False, True),
        (30.0, None, False, False),  # as good as the trivial predictor is not better
    ],
)
def test_a_score_has_to_reach_its_target_and_beat_the_trivial_predictor(value, target, higher_is_better, reached):
    metric = Metric("name", "key", target, unit=100.0, higher_is_better=higher_is_better)
    task = Task("name", "Title", (metric,), ())
    assert make_score(task, metric, value, trivial=0.3, seconds=1.0).reached is reached


LINES = [
    Score("FCMAE pre-training", "reconstruction loss", 0.7, 1.0, 1.0, False, 100.4),
    Score("Mask R-CNN", "box AP50", 0.71, 0.02, 0.6, True, 120.0),
    Score("Mask R-CNN", "mask AP50", 0.41, 0.01, 0.55, True, 120.0),
]


def test_the_table_shows_every_score_and_which_is_too_low():
    console = Console(record=True, width=120)
    print_table(console, LINES)
    rows = [line for line in console.export_text().splitlines() if "│" in line]
    assert len(rows) == 3
    assert all(text in rows[0] for text in ("FCMAE pre-training", "reconstruction loss", "0.700", "1.000", "100"))
    assert "NOT REACHED" not in rows[0] + rows[1]
    assert all(text in rows[2] for text in ("mask AP50", "0.410", "0.010", "≥ 0.55", "NOT REACHED"))


def test_the_json_holds_what_the_table_shows(tmp_path):
    write_json(tmp_path / "scores.json", LINES, total_seconds=401.26)
    report = json.loads((tmp_path / "scores.json").read_text())
    assert report["total_seconds"] == 401.3
    assert report["all_reached"] is False
    assert [one["reached"] for one in report["scores"]] == [True, True, False]
    assert report["scores"][2] | {"reached": None} == {
        "task": "Mask R-CNN",
        "metric": "mask AP50",
        "score": 0.41,
        "trivial": 0.01,
        "target": 0.55,
        "higher_is_better": True,
        "seconds": 120.0,
        "reached": None,
    }


def test_every_metric_has_a_trivial_score_and_every_task_a_config(tmp_path, monkeypatch):
    monkeypatch.setattr(scores, "read_value", lambda folder, key: 1.0)
    monkeypatch.setattr(trivial, "constant_detector_ap50", lambda root: {"bbox": 0.0, "segm": 0.0})
    monkeypatch.setattr(trivial, "most_frequent_class_accuracy", lambda root: 0.1)
    monkeypatch.setattr(trivial, "background_only_miou", lambda root, num_classes: 0.1)
    known = trivial.trivial_scores(tmp_path) | scores.logged_trivial_scores(tmp_path)
    assert set(known) == {metric.key for task in TASKS for metric in task.metrics}
    assert all(task.config.is_file() for task in TASKS)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "11/20 12:16:08 - mmengine - INFO - Iter(train) [320/500]  lr: 6e-04  eta: 0:01:12  time: 1.2  loss: 0.77",
            (320, 500, "training  loss 0.77  left 0:01:12"),
        ),
        ("... INFO - Iter(val) [ 10/100]    eta: 0:00:07  time: 0.08", (10, 100, "validating  left 0:00:07")),
        ("11/20 12:16:08 - mmengine - INFO - Saving checkpoint at 500 iterations", None),
    ],
)
def test_progress_is_read_from_mmengines_log(line, expected):
    assert describe(line) == expected


def test_a_failing_training_shows_the_end_of_its_log(tmp_path):
    task = Task("no_such_config", "Broken", (), ())
    console = Console(record=True, width=120)
    with pytest.raises(TrainingFailed, match=r"(?s)ended with status 1.*no_such_config.py.* does not exist"):
        train(task, tmp_path, quick=False, console=console)
    assert "does not exist" in (tmp_path / "no_such_config/output.txt").read_text()
    assert "Broken" in console.export_text()

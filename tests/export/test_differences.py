"""Differences that are made by hand are found, whatever the order of the detections."""

import numpy as np
import pytest
from mmengine.config import ConfigDict

from cnxv2_mm.export.differences import Difference, differences, largest, score_threshold
from cnxv2_mm.export.models.base import Output

OUTPUTS = tuple(Output(name, (), "") for name in ("boxes", "scores", "labels", "masks"))
BOXES = np.array([[0, 0, 50, 40], [1, 0, 51, 40], [60, 60, 90, 90], [60, 60, 90, 90]], dtype=np.float32)
SCORES = np.array([0.9, 0.9, 0.5, 0.2], dtype=np.float32)
LABELS = np.array([3, 3, 1, 2])
MASKS = np.zeros((4, 100, 100), dtype=bool)
for mask, (x1, y1, x2, y2) in zip(MASKS, BOXES.astype(int), strict=True):
    mask[y1:y2, x1:x2] = True
EXPECTED = [BOXES, SCORES, LABELS, MASKS]


def compare(found, expected=EXPECTED, **options):
    return {one.name: one for one in differences("detector", OUTPUTS, expected, found, **options)}


def test_the_order_of_equal_scores_is_free():
    order = [1, 0, 2, 3]
    found = compare([array[order] for array in EXPECTED])
    assert [one.largest for one in found.values()] == [0, 0, 0, 0]
    assert all(one.is_within for one in found.values())


@pytest.mark.parametrize(
    ("index", "place", "change", "name", "largest_one"),
    [
        (0, (2, 1), 0.25, "boxes", 0.25),
        (1, (2,), 0.125, "scores", 0.125),
        (3, (2, 60, slice(60, 90)), False, "masks", 30 / (2000 + 2000 + 900 + 900)),
        (2, (2,), 0, "detections", 2 / 4),
    ],
)
def test_a_change_is_found(index, place, change, name, largest_one):
    found = [array.copy() for array in EXPECTED]
    found[index][place] = change if index > 1 else found[index][place] + change
    compared = compare(found)
    assert compared[name].largest == pytest.approx(largest_one, abs=1e-6)
    assert [one.name for one in compared.values() if not one.is_within] == [name]


def test_a_missing_detection_counts_unless_its_score_is_at_the_threshold():
    found = [array[:3] for array in EXPECTED]
    assert compare(found)["detections"].largest == 0.25
    assert compare(found, threshold=0.1)["detections"].largest == 0.25
    assert compare(found, threshold=0.1995)["detections"].largest == 0
    assert compare([array[1:] for array in EXPECTED], threshold=0.1995)["detections"].largest == 0.25
    nothing = [array[:0] for array in EXPECTED]
    assert compare(nothing)["detections"].largest == 1
    assert compare(nothing, nothing)["detections"].largest == 0


def test_in_float16_a_box_beyond_the_tolerance_is_another_one():
    found = [array.copy() for array in EXPECTED]
    found[0][2] += 2.1
    compared = compare(found, fp16=True)
    assert compared["detections"].largest == 2 / 4
    assert compared["boxes"].largest == 0
    found[0][2] = BOXES[2] + 1.5
    assert compare(found, fp16=True)["detections"].largest == 0


def test_equal_scores_at_the_end_may_be_others():
    """Both keep four: which of two with the same score is the fourth is free."""
    found = [array.copy() for array in EXPECTED]
    found[0][3] = [10, 50, 20, 60]
    assert compare(found)["detections"].largest == 0
    found[1][3] = 0.3
    assert compare(found)["detections"].largest == 0.25


@pytest.mark.parametrize("index", [0, 1])
def test_what_is_not_finite_is_never_within(index):
    found = [array.copy() for array in EXPECTED]
    found[index].flat[0] = np.nan
    assert not compare(found)["detections"].is_within
    for array in (np.array([[np.nan, 0.5]]), np.array([[0.5]])):
        (one,) = differences("classifier", (OUTPUTS[1],), [np.array([[0.1, 0.5]])], [array])
        assert one.largest == np.inf
        assert not one.is_within


def test_maps_and_label_maps():
    expected = [np.array([[2.0, -8.0]]), np.arange(1000).reshape(1, 20, 50)]
    found = [np.array([[2.004, -8.0]]), expected[1].copy()]
    found[1][0, 3, 7] = 0
    outputs = (Output("stage1", (), ""), Output("label_map", (), ""))
    maps, labels = differences("backbone", outputs, expected, found)
    assert maps.largest == pytest.approx(0.0005)
    assert labels.largest == 0.001
    assert maps.is_within
    assert labels.is_within
    assert differences("backbone", outputs, expected, found, fp16=True)[0].tolerance > maps.tolerance


def test_the_largest_over_images():
    images = [[Difference("scores", value, 0.1, ""), Difference("boxes", 1 - value, 2, "")] for value in (0.2, 0.7)]
    assert [one.largest for one in largest(images)] == [0.7, 0.8]
    assert [one.largest for one in largest([*images, [Difference("boxes", np.inf, 2, "")]])] == [0.7, np.inf]
    beyond, allowed = Difference("boxes", 1.0, 0.05, ""), Difference("boxes", 1.5, 2, "", reason="a reason")
    assert largest([[allowed], [beyond], [allowed]]) == [beyond]


@pytest.mark.parametrize(
    ("config", "threshold"),
    [({"score_thr": 0.05}, 0.05), ({"rpn": {}, "rcnn": {"score_thr": 0.1}}, 0.1), ({"max_per_img": 100}, 0), (None, 0)],
)
def test_threshold(config, threshold):
    class Detector:
        test_cfg = None if config is None else ConfigDict(config)

    assert score_threshold(Detector()) == threshold

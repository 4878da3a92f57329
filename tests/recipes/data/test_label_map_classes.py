"""Which numbers of label maps can be trained on, and what is said of the others."""

from pathlib import Path

import numpy as np
import pytest
from mmseg.datasets.transforms import LoadAnnotations

from cnxv2_mm.recipes.data.label_map_classes import as_trained, compare_classes, settle_classes
from tests.recipes.data.folders import write_labels

FILES = [Path(f"{i}.png") for i in range(9)]


def counts(*maps):
    """(N, 256) of label maps that have a pixel of each of their labels."""
    return np.stack([np.bincount(labels, minlength=256) for labels in maps])


def settle(*maps, names=None, reduce_zero_label=False):
    named = (Path("classes.txt"), names) if names else None
    trained = as_trained(counts(*maps), reduce_zero_label)
    return settle_classes(FILES[: len(maps)], trained, named, reduce_zero_label)


def fatal(*maps, **settings):
    _, findings = settle(*maps, **settings)
    (finding,) = findings
    assert finding.fatal
    return finding.text


@pytest.mark.parametrize("reduce_zero_label", [False, True])
def test_numbers_change_as_in_mmseg(tmp_path, reduce_zero_label):
    file = write_labels(tmp_path / "a.png", 0, 1, 2, 150, 254, 255)
    results = {"seg_map_path": str(file), "reduce_zero_label": reduce_zero_label, "seg_fields": []}
    labels = LoadAnnotations().transform(results)["gt_seg_map"]
    plain = np.bincount(np.repeat([0, 1, 2, 150, 254, 255], 8 * 40), minlength=256)
    expected = [(labels == value).sum() for value in range(256)]
    np.testing.assert_array_equal(as_trained(plain, reduce_zero_label), expected)


def test_without_names_the_classes_are_the_numbers():
    assert settle([0, 1], [2, 255]) == (("0", "1", "2"), [])
    assert settle([0, 1], [2, 3], reduce_zero_label=True) == (("1", "2", "3"), [])
    assert settle([0, 1], [2], names=("road", "roof", "tree")) == (("road", "roof", "tree"), [])


def test_numbers_beyond_the_names():
    text = fatal([0, 1], [2, 3, 9], names=("road", "roof", "tree"))
    assert text == "1 of 2 label maps have numbers beyond the 3 classes of classes.txt (0 to 2): 1.png has 3, 9."
    text = fatal([0, 1], [2, 3], names=("road", "roof", "tree"))
    assert text.endswith("1.png has 3; if 0 is no class but means 'other', add --reduce-zero-label.")
    text = fatal([0, 1], [2, 5], names=("road", "roof", "tree"), reduce_zero_label=True)
    assert text.endswith("(1 to 3): 1.png has 5.")


def test_numbers_that_no_map_has():
    classes, (finding,) = settle([0, 1, 4], [2, 5])
    assert len(classes) == 6
    assert finding == ("1 of 6 classes are in no label map: 3.", False)
    text = fatal([0, 128], [64])
    assert "have the numbers 0, 64, 128, and 126 between them are unused" in text
    assert "number the classes 0, 1, 2, ..." in text
    assert "name all 129 in a file classes.txt" in text


def test_one_class_is_none():
    assert "write 1 in the place of 255" in fatal([0, 255], [0])
    assert "0 is the only class in the label maps: a training needs two." in fatal([0], [0])
    assert "1 is the only class in the label maps: without --reduce-zero-label" in fatal([0, 1], reduce_zero_label=True)


def test_everything_ignored():
    assert "all 2 label maps are to be ignored everywhere: 255" in fatal([255], [255])
    assert "without --reduce-zero-label, 0 is a class" in fatal([0], [0, 255], reduce_zero_label=True)


def test_classes_of_one_part_alone():
    train, val = counts([0, 1, 1]), counts([0, 2])
    findings = compare_classes(train[0], val[0], ("road", "roof", "tree", "car"))
    assert findings == [
        ("1 of 4 classes are in label maps for validation only and cannot be learnt: tree.", False),
        ("1 of 4 classes are in no label map for validation and get no score: roof.", False),
    ]

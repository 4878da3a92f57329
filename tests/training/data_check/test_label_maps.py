"""Label maps with the faults that users' maps have, read by mmseg's own data sets."""

import cv2
import numpy as np
import pytest

from tests.training.data_check.conftest import error, remarks, write_image


def folder(root, *maps, classes=("road", "roof", "tree"), **settings):
    """Images with these label maps; the settings of an mmseg data set that reads them."""
    for i, labels in enumerate(maps):
        write_image(root / "images" / f"{i:03d}.jpg")
        (root / "labels").mkdir(exist_ok=True)
        assert cv2.imwrite(str(root / "labels" / f"{i:03d}.png"), labels)
    return {
        "type": "BaseSegDataset",
        "data_root": str(root),
        "data_prefix": {"img_path": "images", "seg_map_path": "labels"},
        "metainfo": {"classes": classes},
        **settings,
    }


def labels(*values, dtype=np.uint8):
    """64 x 64 pixels of these labels."""
    return np.resize(np.array(values, dtype), (64, 64))


def test_sound_maps_need_no_remark(tmp_path):
    assert remarks(folder(tmp_path / "a", labels(0, 1, 2), labels(1, 255)), "mmseg") == []
    # One of three is ignored everywhere, which tiles at the edge of a mosaic are.
    assert remarks(folder(tmp_path / "b", labels(0, 1), labels(255), labels(2)), "mmseg") == []
    assert remarks(folder(tmp_path / "c", labels(0, 3), labels(1, 2, 255), reduce_zero_label=True), "mmseg") == []
    assert remarks(folder(tmp_path / "d", labels(0), classes=("all",)), "mmseg") == []
    assert remarks(folder(tmp_path / "g", labels(0, 9), labels(1, 9), ignore_index=9), "mmseg") == []
    # Some of a known data set's classes: the others are ignored.
    cityscapes = folder(tmp_path / "e", labels(0, 13, 18), labels(1), classes=("car", "road"))
    cityscapes = {**cityscapes, "type": "CityscapesDataset", "img_suffix": ".jpg", "seg_map_suffix": ".png"}
    assert remarks(cityscapes, "mmseg") == []
    # A test set without labels.
    write_image(tmp_path / "f" / "images" / "0.jpg")
    unlabelled = {**folder(tmp_path / "f"), "data_prefix": {"img_path": "images"}, "test_mode": True}
    assert remarks(unlabelled, "mmseg", "test_dataloader") == []


def test_labels_beyond_the_classes(tmp_path):
    dataset = folder(tmp_path, labels(0, 1), labels(2, 3, 9))
    text = error(dataset, "mmseg")
    assert "1 of 2 label maps have labels beyond the 3 classes (0 to 2)" in text
    assert text.endswith("001.png has 3, 9.")
    cv2.imwrite(str(tmp_path / "labels" / "001.png"), labels(2, 3))
    assert error(dataset, "mmseg").endswith("001.png has 3.")
    cv2.imwrite(str(tmp_path / "labels" / "001.png"), labels(2, 9))
    assert "(0 to 2, after reduce_zero_label)" in error({**dataset, "reduce_zero_label": True}, "mmseg")


def test_labels_that_a_byte_cannot_hold(tmp_path):
    """mmseg cuts them to a byte: 256 would be trained as 0."""
    assert "has 256." in error(folder(tmp_path, labels(0, 256, dtype=np.uint16), labels(1)), "mmseg")


def test_maps_that_are_ignored(tmp_path):
    dataset = folder(tmp_path, labels(0), labels(0), labels(0, 255), reduce_zero_label=True)
    text = error(dataset, "mmseg")
    assert "3 of 3 label maps are to be ignored everywhere" in text
    assert "is reduce_zero_label=True right?" in text
    write_image(tmp_path / "images" / "003.jpg")
    cv2.imwrite(str(tmp_path / "labels" / "003.png"), labels(1, 2))
    (line,) = remarks(dataset, "mmseg")
    assert "3 of 4 label maps are to be ignored everywhere" in line


def test_a_mask_of_0_and_255(tmp_path):
    (line,) = remarks(folder(tmp_path, labels(0, 255), labels(255, 0), classes=("no", "yes")), "mmseg")
    assert "label 0 is the only one in 2 label maps, of 2 classes; 255 is ignored" in line


def test_colours_instead_of_labels(tmp_path):
    assert "(64, 64, 3), colours perhaps" in error(folder(tmp_path, np.zeros((64, 64, 3), np.uint8)), "mmseg")


def test_other_endings_than_the_data_set_looks_for(tmp_path):
    text = error(folder(tmp_path, labels(0), labels(1), img_suffix=".png"), "mmseg")
    assert "ends in img_suffix='.png' (found: 2 .jpg)" in text


def test_maps_that_are_missing_empty_or_broken(tmp_path):
    dataset = folder(tmp_path, *[labels(0, 1)] * 4)
    (tmp_path / "labels" / "001.png").unlink()
    (tmp_path / "labels" / "002.png").write_bytes(b"")
    missing, empty = error(dataset, "mmseg").splitlines()
    assert missing.endswith(f"1 of 8 files do not exist: {tmp_path / 'labels/001.png'}")
    assert empty.endswith(f"1 of 8 files are empty (0 bytes): {tmp_path / 'labels/002.png'}")
    for name in ("001.png", "002.png"):
        (tmp_path / "labels" / name).write_bytes(b"no picture")
    assert f"label map {tmp_path / 'labels/001.png'} cannot be read" in error(dataset, "mmseg")


@pytest.mark.parametrize("number", [60, 200])
def test_fifty_maps_from_first_to_last_are_read(tmp_path, number):
    maps = [labels(0, 1)] * (number - 1)
    assert "1 of 50 label maps" in error(folder(tmp_path, *maps, labels(7)), "mmseg")

"""Folders with label maps and their faults; mmseg's own data set reads the lists."""

import shutil

import numpy as np
import pytest
from mmseg.datasets import BaseSegDataset
from PIL import Image

from cnxv2_mm.recipes.data.label_maps import read_label_maps
from tests.recipes.data.folders import ade, classes, write_image, write_labels, write_pair


def read(root, **settings):
    return read_label_maps(root, root.parent / "out", **settings)


def error(root, **settings):
    with pytest.raises(ValueError) as caught:  # noqa: PT011  each test looks at the text
        read(root, **settings)
    return str(caught.value)


def by_mmseg(part, **settings):
    """Images and label maps as mmseg finds them by the lists."""
    found = []
    for each in part.lists:
        folders = {"img_path": str(part.images), "seg_map_path": str(part.label_maps)}
        endings = {"img_suffix": each.img_suffix, "seg_map_suffix": each.seg_map_suffix}
        found += BaseSegDataset(str(each.file), data_prefix=folders, **endings, **settings).load_data_list()
    return [(sample["img_path"], sample["seg_map_path"]) for sample in found]


def texts(found):
    assert not any(finding.fatal for finding in found.findings)
    return [finding.text for finding in found.findings]


def left_out(root):
    return dict(line.split("\t") for line in (root.parent / "out" / "left_out.txt").read_text().splitlines())


def test_a_sound_folder(tmp_path):
    root = ade(tmp_path / "ade")
    steps = []
    found = read(root, step=lambda done, total: steps.append((done, total)))
    assert steps[0] == (1, 22)
    assert steps[-1] == (22, 22)
    assert (found.classes, found.held_out, texts(found)) == (("0", "1", "2"), False, [])
    assert (found.train.number, found.val.number) == (8, 3)
    pairs = by_mmseg(found.train)
    assert pairs == [
        (str(root / f"images/training/t{i:02d}.jpg"), str(root / f"annotations/training/t{i:02d}.png"))
        for i in range(8)
    ]
    assert len(by_mmseg(found.val)) == 3
    np.testing.assert_array_equal(found.image_sizes, [[48, 40]] * 8)
    np.testing.assert_array_equal(found.pixels, [16 * 40 * 8] * 3)
    np.testing.assert_array_equal(found.pixels_where_present, [48 * 40 * 8] * 3)
    assert left_out(root) == {}
    listed = (tmp_path / "out" / "images.txt").read_text().splitlines()
    assert listed[0] == "images/training/t00.jpg"
    assert len(listed) == 11


def test_zero_is_other_as_in_ade20k(tmp_path):
    root = ade(tmp_path / "ade", labels=(0, 1, 2, 255))
    write_pair(root, "training", "more", 9, 1)
    (root / "classes.txt").write_text("wall\nfloor\n")
    found = read(root, reduce_zero_label=True)
    assert found.classes == ("wall", "floor")
    np.testing.assert_array_equal(found.pixels, [12 * 40 * 8 + 48 * 40, 12 * 40 * 8])
    np.testing.assert_array_equal(found.pixels_where_present, [24 * 40 * 8 + 48 * 40, 24 * 40 * 8])
    assert "--reduce-zero-label" in error(root)


def test_without_a_split_a_fifth_is_held_out(tmp_path):
    for i in range(10):
        write_pair(tmp_path / "tiles", "", f"tile {i}", i, 0, 1, trees=("images", "masks"))
    found = read(tmp_path / "tiles")
    assert found.held_out
    train, val = by_mmseg(found.train), by_mmseg(found.val)
    assert (len(train), len(val)) == (8, 2)
    assert not set(train) & set(val)
    again = read(tmp_path / "tiles")
    assert by_mmseg(again.val) == val


def test_images_of_several_endings(tmp_path):
    root = ade(tmp_path / "ade", train=4)
    write_image(root / "images/training/z.PNG", 20)
    write_labels(root / "annotations/training/z.tif", 0, 1, 2)
    found = read(root)
    assert [(each.file.name, each.img_suffix, each.seg_map_suffix) for each in found.train.lists] == [
        ("train.txt", ".jpg", ".png"),
        ("train_2.txt", ".PNG", ".tif"),
    ]
    assert len(by_mmseg(found.train)) == 5


def test_files_without_a_partner_are_counted(tmp_path):
    root = ade(tmp_path / "ade")
    for i in range(30):  # photographs that nobody has labelled yet
        write_image(root / f"images/training/u{i:02d}.jpg", 40 + i)
    write_labels(root / "annotations/validation/x.png", 0, 1)
    write_image(root / "images/validation/v00.png", 3)
    first, second, third = texts(read(root))
    assert first.startswith("30 of 38 images have no label map and are left out: images/training/u00.jpg, ")
    assert second == "1 of 4 label maps have no image and are left out: annotations/validation/x.png."
    assert third == "1 of 7 files have the name of another one and are left out: images/validation/v00.png."
    assert left_out(root)["images/training/u29.jpg"] == "has no label map"


def test_pairs_that_cannot_be_used_are_left_out(tmp_path):
    root = ade(tmp_path / "ade", train=40)
    (root / "images/training/t01.jpg").write_bytes(b"no image")
    (root / "annotations/training/t02.png").write_bytes(b"")
    write_labels(root / "annotations/training/t03.png", 0, 1, 2, size=(40, 48))
    found = read(root)
    assert found.train.number == 37
    (text,) = texts(found)
    assert text.startswith("3 of 43 images cannot be used with their label maps and are left out: ")
    reasons = left_out(root)
    assert "cannot be read" in reasons["images/training/t01.jpg"] or "no image" in reasons["images/training/t01.jpg"]
    assert reasons["images/training/t02.jpg"] == "has a label map that cannot be read: t02.png is empty (0 bytes)"
    assert reasons["images/training/t03.jpg"] == "has 48 x 40 pixels, its label map has 40 x 48"
    for i in range(4, 8):
        (root / f"annotations/training/t{i:02d}.png").write_bytes(b"")
    assert "7 of 43 images cannot be used with their label maps, and at most 10% may be left out" in error(root)


def test_a_photograph_that_lies_on_its_side(tmp_path):
    """OpenCV turns it, as its EXIF data says; the label map was drawn on the turned one."""
    root = ade(tmp_path / "ade")
    exif = Image.Exif()
    exif[274] = 6
    for path in (root / "images").rglob("*.jpg"):
        with Image.open(path) as image:
            image.load()
        image.save(path, exif=exif)
    assert "has 40 x 48 pixels, its label map has 48 x 40" in error(root)
    for path in (root / "annotations").rglob("*.png"):
        write_labels(path, 0, 1, 2, size=(40, 48))
    assert read(root).image_sizes[0].tolist() == [40, 48]


def test_maps_that_are_ignored_everywhere(tmp_path):
    root = ade(tmp_path / "ade")
    write_labels(root / "annotations/training/t01.png", 255)
    found = read(root)
    assert found.train.number == 7
    (text,) = texts(found)
    assert text.startswith("1 of 8 images are left out, its label map is ignored everywhere: ")


def test_colours_and_masks_of_0_and_255(tmp_path):
    root = ade(tmp_path / "a")
    Image.new("RGB", (48, 40)).save(root / "annotations/training/t03.png")
    text = error(root)
    assert text.startswith("1 of 11 label maps cannot be used: ")
    assert "t03.png holds colours (40, 48, 3), not numbers" in text
    assert "write 1 in the place of 255" in error(ade(tmp_path / "b", labels=(0, 255)))


def test_classes_of_one_part_alone(tmp_path):
    root = ade(tmp_path / "ade")
    write_labels(root / "annotations/validation/v00.png", 3)
    assert texts(read(root)) == [
        "1 of 4 classes are in label maps for validation only and cannot be learnt: 3.",
    ]


def test_the_same_image_in_training_and_validation(tmp_path):
    root = ade(tmp_path / "ade")
    shutil.copy(root / "images/validation/v01.jpg", root / "images/training/t05.jpg")
    found = read(root)
    assert found.train.number == 7
    assert left_out(root) == {"images/training/t05.jpg": "it is for validation, too"}


def test_validation_images_without_label_maps(tmp_path):
    root = ade(tmp_path / "ade")
    shutil.rmtree(root / "annotations/validation")
    found = read(root)
    assert found.held_out
    assert texts(found) == [f"{root / 'images/validation'} is not used: it has no label maps."]


def test_folders_of_another_form(tmp_path):
    with pytest.raises(FileNotFoundError, match="does not exist"):
        read(tmp_path / "nothing")
    (tmp_path / "empty").mkdir()
    text = error(tmp_path / "empty")
    assert "has no images with label maps. Expected is one of:" in text
    assert "    images/*.jpg, masks/*.png (a fifth is held out)" in text
    assert f"cnxv2 finetune classify {tmp_path / 'pets'}" in error(classes(tmp_path / "pets"))
    write_image(tmp_path / "other" / "images" / "a.jpg")
    write_labels(tmp_path / "other" / "masks" / "b.png", 0, 1)
    assert "images are a.jpg; label maps are b.png" in error(tmp_path / "other")
    write_pair(tmp_path / "one", "", "a", 0, 0, 1, trees=("images", "masks"))
    assert "cannot be divided" in error(tmp_path / "one")

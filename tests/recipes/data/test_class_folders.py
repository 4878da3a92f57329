"""Folders of classes and their faults; mmpretrain's own data set reads the lists."""

import json
import shutil

import numpy as np
import pytest
from mmpretrain.datasets import CustomDataset

from cnxv2_mm.recipes.data.class_folders import read_class_folders
from tests.recipes.data.folders import ade, classes, write_image


def read(root, **settings):
    return read_class_folders(root, root.parent / "out", **settings)


def error(root):
    with pytest.raises(ValueError) as caught:  # noqa: PT011  each test looks at the text
        read(root)
    return str(caught.value)


def by_mmpretrain(found, listed):
    dataset = CustomDataset(ann_file=str(listed), data_prefix=str(found.root), metainfo={"classes": found.classes})
    return [(sample["img_path"], sample["gt_label"]) for sample in dataset]


def texts(found):
    assert not any(finding.fatal for finding in found.findings)
    return [finding.text for finding in found.findings]


def test_a_sound_folder(tmp_path):
    root = classes(tmp_path / "pets")
    steps = []
    found = read(root, step=lambda done, total: steps.append((done, total)))
    assert (len(steps), steps[-1]) == (24, (24, 24))
    assert (found.classes, found.held_out, texts(found)) == (("cat", "dog", "owl"), False, [])
    assert (found.num_train.tolist(), found.num_val.tolist()) == ([6, 6, 6], [2, 2, 2])
    np.testing.assert_array_equal(found.image_sizes, [[48, 40]] * 18)
    # What mmpretrain finds by itself, where both folders have the same classes.
    for part, listed in (("train", found.train), ("val", found.val)):
        alone = CustomDataset(data_root=str(root), data_prefix=part)
        expected = [(sample["img_path"], sample["gt_label"]) for sample in alone]
        assert sorted(by_mmpretrain(found, listed)) == sorted(expected)
        assert alone.metainfo["classes"] == found.classes


def test_without_a_split_a_fifth_of_each_class_is_held_out(tmp_path):
    classes(tmp_path / "pets", train=10, val=0)
    shutil.move(tmp_path / "pets" / "train", tmp_path / "flat")
    found = read(tmp_path / "flat")
    assert found.held_out
    assert (found.num_train.tolist(), found.num_val.tolist()) == ([8, 8, 8], [2, 2, 2])
    train, val = by_mmpretrain(found, found.train), by_mmpretrain(found, found.val)
    assert len({*train, *val}) == 30
    shutil.move(tmp_path / "flat", tmp_path / "elsewhere")
    assert (tmp_path / "out" / "val.txt").read_text() == read(tmp_path / "elsewhere").val.read_text()


def test_a_test_folder_is_left_alone(tmp_path):
    root = classes(tmp_path / "pets")
    write_image(root / "test" / "cat" / "a.jpg")
    found = read(root)
    assert texts(found) == [f"{root / 'test'} is left alone."]
    assert "test/" not in (tmp_path / "out" / "images.txt").read_text()


def test_classes_that_training_lacks(tmp_path):
    root = classes(tmp_path / "pets")
    shutil.move(root / "train" / "owl", root / "train" / "owls")
    text = error(root)
    assert text.startswith("1 classes have images for validation and none for training: owl.")
    assert "Training has cat, dog, owls." in text


def test_empty_classes_and_classes_without_validation(tmp_path):
    root = classes(tmp_path / "pets")
    (root / "train" / "yak").mkdir()
    shutil.rmtree(root / "val" / "owl")
    found = read(root)
    assert found.classes == ("cat", "dog", "owl")
    assert texts(found) == [
        "1 class folders have no image and are left out: yak.",
        "1 of 3 classes have no image for validation: owl.",
    ]


def test_images_that_cannot_be_read(tmp_path):
    root = classes(tmp_path / "pets", train=20)
    (root / "train" / "cat" / "train3.jpg").write_bytes(b"")
    write_image(root / "train" / "dog" / "line\nend.jpg", 7)
    found = read(root)
    (text,) = texts(found)
    assert text.startswith("2 of 67 images cannot be used and are left out: train/cat/train3.jpg is empty (0 bytes); ")
    assert found.num_train.tolist() == [19, 20, 20]
    assert "train/cat/train3.jpg\tis empty (0 bytes)\n" in (tmp_path / "out" / "left_out.txt").read_text()
    for i in range(6):
        (root / "train" / "dog" / f"train{i}.jpg").write_bytes(b"no image")
    assert "8 of 67 images cannot be used, and at most 10% may be left out" in error(root)


def test_images_above_the_class_folders(tmp_path):
    root = classes(tmp_path / "pets")
    write_image(root / "train" / "a.jpg")
    assert texts(read(root)) == [
        f"1 images in {root / 'train'} itself are left out, they lie in no class folder: a.jpg."
    ]


def test_the_same_image_in_training_and_validation(tmp_path):
    root = classes(tmp_path / "pets")
    shutil.copy(root / "val" / "dog" / "val1.jpg", root / "train" / "cat" / "copy.jpg")
    found = read(root)
    assert texts(found) == [
        "1 of 19 images for training are for validation, too, and are left out: train/cat/copy.jpg."
    ]
    assert found.num_train.tolist() == [6, 6, 6]
    for i in range(6):
        shutil.copy(root / "val" / "dog" / "val1.jpg", root / "train" / "cat" / f"train{i}.jpg")
    assert "no image for training is left of 1 classes: cat." in error(root)


def test_folders_of_another_form(tmp_path):
    with pytest.raises(FileNotFoundError, match="does not exist"):
        read(tmp_path / "nothing")
    (tmp_path / "empty").mkdir()
    assert "has no folders of classes; expected is one of:" in error(tmp_path / "empty")
    assert "cat is the only class" in error(classes(tmp_path / "one", names=("cat",)))
    assert f"cnxv2 finetune segment {tmp_path / 'ade'}" in error(ade(tmp_path / "ade"))
    root = classes(tmp_path / "boxes")
    (root / "train.json").write_text(json.dumps({"images": [], "annotations": [], "categories": []}))
    assert f"cnxv2 finetune detect {root}" in error(root)
    shutil.rmtree(root / "train")
    (root / "train.json").unlink()
    assert "has val/ and no train/" in error(root)
    (tmp_path / "hollow" / "train" / "cat").mkdir(parents=True)
    assert "have no images (.jpg, " in error(tmp_path / "hollow")

"""The demo's data set: real, split by scan, the same in its three formats, and made only when it has to be."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from pycocotools import mask as rle
from pycocotools.coco import COCO

from cnxv2_mm.config.load import load_config
from cnxv2_mm.training.data_check import check_data
from demo import scenes
from demo.dataset import DatasetSpec, coco_annotations, is_complete, label_map, write_dataset
from demo.digits import CLASSES, load_scans
from demo.photographs import load_photographs, random_background
from tests.demo.conftest import SPEC
from tests.test_structure import ROOT

ADE_FOLDERS = {"train": "training", "val": "validation"}


def scans_in(root: Path, split: str) -> set[int]:
    annotations = json.loads((root / f"coco/annotations/instances_{split}.json").read_text())["annotations"]
    pictures = (root / "imagenet" / split).glob("*/digit*.jpg")
    return {one["scan"] for one in annotations} | {int(path.stem[11:15]) for path in pictures}


def test_no_scan_and_no_photograph_of_training_is_in_validation(root):
    train, val = scans_in(root, "train"), scans_in(root, "val")
    assert not train & val
    assert train | val == set(range(1797))  # every scan of the digits set has a picture
    for photograph in load_photographs("train"):
        assert not any(np.array_equal(photograph, other) for other in load_photographs("val"))


def test_coco_masks_agree_with_boxes_and_areas(root, split):
    coco = COCO(root / f"coco/annotations/instances_{split}.json")
    assert [category["name"] for category in coco.loadCats(coco.getCatIds())] == list(CLASSES)
    assert len(coco.imgs) == SPEC.scenes(split)
    for image in coco.imgs.values():
        assert cv2.imread(str(root / "coco" / split / image["file_name"])).shape == (160, 160, 3)
        taken = np.zeros((160, 160), bool)
        annotations = coco.imgToAnns[image["id"]]
        assert 1 <= len(annotations) <= SPEC.max_digits
        for annotation in annotations:
            visible = coco.annToMask(annotation).astype(bool)
            rows, columns = np.nonzero(visible)
            left, top, width, height = annotation["bbox"]
            assert (left, top) == (columns.min(), rows.min())
            assert (left + width, top + height) == (columns.max() + 1, rows.max() + 1)
            assert annotation["area"] == visible.sum() > 0
            assert not taken[visible].any()  # the visible parts of two digits never share a pixel
            taken |= visible


def test_labels_and_masks_say_the_same_of_a_scene():
    rng = np.random.default_rng(0)
    scans = load_scans("val", seed=0)
    background = random_background(load_photographs("val"), 160, rng)
    scene = scenes.compose(background, scans, rng.choice(len(scans.index), 4, replace=False), (0.3, 0.5), rng)
    labels = np.ones((160, 160), np.uint8)  # 1: the photograph
    for annotation in coco_annotations(scene, image_id=0, first_id=1):
        labels[rle.decode(annotation["segmentation"]).astype(bool)] = 1 + annotation["category_id"]  # 2: the digit 0
    np.testing.assert_array_equal(label_map(scene), labels)


def test_labelled_pictures_are_those_of_the_class_folders(root, split):
    labels = sorted((root / "ade/annotations" / ADE_FOLDERS[split]).iterdir())
    images = sorted((root / "ade/images" / ADE_FOLDERS[split]).iterdir())
    pictures = sorted((root / "imagenet" / split).glob("*/*.jpg"))
    assert [path.stem for path in labels] == [path.stem for path in images] == [path.stem for path in pictures]
    for label, image, picture in zip(labels, images, pictures, strict=True):
        assert image.read_bytes() == picture.read_bytes()
        found = np.unique(cv2.imread(str(label), cv2.IMREAD_UNCHANGED))
        assert found.tolist() == [1, 2 + int(picture.parent.name)]  # the photograph and the folder's digit


def test_class_folders_hold_their_digit(root, split):
    target = dict(zip(*(lambda scans: (scans.index, scans.digit))(load_scans(split, SPEC.seed)), strict=True))
    assert sorted(path.name for path in (root / "imagenet" / split).iterdir()) == list(CLASSES)
    for folder in (root / "imagenet" / split).iterdir():
        pictures = list(folder.iterdir())
        assert {target[int(path.stem[11:15])] for path in pictures} == {int(folder.name)}
        assert cv2.imread(str(pictures[0])).shape == (64, 64, 3)


def test_the_same_seed_writes_the_same_bytes(root, tmp_path):
    write_dataset(tmp_path, SPEC)
    files = sorted(path.relative_to(root) for path in root.rglob("*") if path.is_file())
    assert files == sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file())
    assert all((root / name).read_bytes() == (tmp_path / name).read_bytes() for name in files)


def test_more_scenes_leave_the_first_ones_as_they_are(root, tmp_path):
    write_dataset(tmp_path, DatasetSpec(train_scenes=14, val_scenes=6, train_pictures=0, val_pictures=0))
    name = "coco/train/000011.jpg"
    assert (root / name).read_bytes() == (tmp_path / name).read_bytes()


def test_only_a_finished_data_set_of_the_same_spec_counts_as_complete(tmp_path):
    small = DatasetSpec(train_scenes=1, val_scenes=1, train_pictures=0, val_pictures=0)
    assert not is_complete(tmp_path / "new", small)
    write_dataset(tmp_path / "new", small)
    assert is_complete(tmp_path / "new", small)
    assert not is_complete(tmp_path / "new", DatasetSpec(train_scenes=2, val_scenes=1))

    class Interrupted(Exception):
        pass

    def stop() -> None:
        raise Interrupted

    with pytest.raises(Interrupted):
        write_dataset(tmp_path / "new", small, step=stop)
    assert not is_complete(tmp_path / "new", small)
    write_dataset(tmp_path / "new", small)
    assert is_complete(tmp_path / "new", small)


@pytest.mark.parametrize("name", ["fcmae", "classification", "mask_rcnn", "upernet"])
def test_the_check_before_training_finds_nothing(root, tmp_path, monkeypatch, name):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "demo").symlink_to(root)
    config = load_config(str(ROOT / "configs" / "demo" / f"{name}.py"))
    monkeypatch.chdir(tmp_path)
    assert check_data(config, ("train_dataloader", "val_dataloader")) == []


def test_a_folder_with_other_files_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(ValueError, match=r"holds \['thesis.tex'\], which the demo did not write"):
        write_dataset(tmp_path, SPEC)
    assert (tmp_path / "thesis.tex").read_text() == "mine"

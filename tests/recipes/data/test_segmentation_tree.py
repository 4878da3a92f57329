"""Images find their label maps in the trees that people have."""

import pytest

from cnxv2_mm.recipes.data.segmentation_tree import find_folders, find_pairs, unlabelled_validation


def touch(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


@pytest.mark.parametrize(
    ("image", "label_map"),
    [
        ("images/training/a.jpg", "annotations/training/a.png"),
        ("images/train/a.jpg", "masks/train/a.png"),
        ("images/train/a.jpg", "labels/train/a.tif"),
        ("train/images/a.jpg", "train/masks/a.png"),
        ("img_dir/train/a.jpg", "ann_dir/train/a.png"),
        ("images/train/deep/er/a.JPG", "masks/train/deep/er/a.png"),
        ("images/train/a.jpg", "masks/train/a_mask.png"),
        ("leftImg8bit/train/ulm/ulm_0_leftImg8bit.png", "gtFine/train/ulm/ulm_0_gtFine_labelTrainIds.png"),
    ],
)
def test_known_trees(tmp_path, image, label_map):
    touch(tmp_path, image, label_map)
    if "gtFine" in label_map:
        touch(tmp_path, *(label_map.replace("labelTrainIds", kind) for kind in ("color", "instanceIds", "labelIds")))
    folders = find_folders(tmp_path)
    assert list(folders) == ["train"]
    found = find_pairs(folders["train"])
    (pair,) = found.pairs
    assert (pair.image, pair.label_map) == (tmp_path / image, tmp_path / label_map)
    assert (found.images_alone, found.maps_alone, found.twice) == ((), (), ())
    other = [path.replace("training", "validation").replace("train", "val") for path in (image, label_map)]
    touch(tmp_path, *other)
    assert list(find_folders(tmp_path)) == ["train", "val"]


def test_a_folder_without_a_split(tmp_path):
    touch(tmp_path, "images/a.jpg", "images/b.png", "masks/a.png", "masks/b.png")
    assert [pair.name for pair in find_pairs(find_folders(tmp_path)["train"]).pairs] == ["a", "b"]


def test_text_files_are_no_label_maps(tmp_path):
    """YOLO's labels/ beside masks/."""
    touch(tmp_path, "images/a.jpg", "labels/a.txt", "masks/a.png")
    assert find_folders(tmp_path)["train"].label_maps == tmp_path / "masks"


def test_files_without_a_partner(tmp_path):
    touch(tmp_path, "images/a.jpg", "images/b.jpg", "images/b.png", "images/c.jpg", "masks/a.png", "masks/b.png")
    touch(tmp_path, "masks/d.png")
    found = find_pairs(find_folders(tmp_path)["train"])
    assert [pair.image.name for pair in found.pairs] == ["a.jpg", "b.jpg"]
    assert found.images_alone == (tmp_path / "images/c.jpg",)
    assert found.maps_alone == (tmp_path / "masks/d.png",)
    assert found.twice == (tmp_path / "images/b.png",)


def test_validation_images_without_label_maps(tmp_path):
    touch(tmp_path, "images/train/a.jpg", "masks/train/a.png", "images/val/b.jpg")
    assert list(find_folders(tmp_path)) == ["train"]
    assert unlabelled_validation(tmp_path) == tmp_path / "images/val"
    touch(tmp_path, "masks/val/b.png")
    assert unlabelled_validation(tmp_path) is None


def test_no_tree(tmp_path):
    touch(tmp_path, "a.jpg", "cats/b.jpg")
    assert find_folders(tmp_path) == {}

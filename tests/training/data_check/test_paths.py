"""Missing data is named, with the tree that is expected, for every way in which the libraries write a dataset."""

import re

import pytest
from mmengine.config import Config

from cnxv2_mm.training.data_check.paths import check_paths


def coco(root):
    return {
        "type": "CocoDataset",
        "data_root": str(root),
        "ann_file": "annotations/instances_train2017.json",
        "data_prefix": {"img": "train2017/"},
    }


def make(root, *paths):
    for path in paths:
        if path.endswith("/"):
            (root / path).mkdir(parents=True, exist_ok=True)
        else:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).touch()
    return root


def complaint(dataset, **settings):
    config = Config({"train_dataloader": {"dataset": dataset}, **settings})
    with pytest.raises(FileNotFoundError) as error:
        check_paths(config, ("train_dataloader", "val_dataloader"))
    return str(error.value)


def accept(dataset, **settings):
    check_paths(Config({"train_dataloader": {"dataset": dataset}, **settings}), ("train_dataloader",))


def test_coco(tmp_path):
    text = complaint(coco(tmp_path / "coco"))
    for part in (
        str(tmp_path / "coco" / "train2017"),
        "CocoDataset",
        "annotations/instances_val2017.json",
        "--cfg-options train_dataloader.dataset.data_root=",
    ):
        assert part in text
    # Only what is missing is named as missing.
    root = make(tmp_path / "half", "train2017/")
    assert f"needs {root / 'annotations/instances_train2017.json'}, which" in complaint(coco(root))
    accept(coco(make(root, "annotations/instances_train2017.json")))


def test_wrappers_are_searched_and_every_dataset_is_reported(tmp_path):
    inner = [coco(tmp_path / "a"), {"type": "RepeatDataset", "times": 2, "dataset": coco(tmp_path / "b")}]
    text = complaint({"type": "ClassBalancedDataset", "dataset": {"type": "ConcatDataset", "datasets": inner}})
    assert "train_dataloader.dataset.dataset.datasets.0: CocoDataset" in text
    assert "train_dataloader.dataset.dataset.datasets.1.dataset: CocoDataset" in text


def test_segmentation_tree(tmp_path):
    dataset = {
        "type": "mmseg.ADE20KDataset",
        "data_root": str(tmp_path),
        "data_prefix": {"img_path": "images/training", "seg_map_path": "annotations/training"},
    }
    text = complaint(dataset)
    assert re.search(r"ADE20KDataset needs \S+images/training, \S+annotations/training", text)
    assert "annotations/validation/*.png" in text
    make(tmp_path, "images/training/", "annotations/training/")
    accept(dataset)


def test_class_folders_and_plain_image_folders(tmp_path):
    split = {"type": "ImageNet", "data_root": str(tmp_path), "split": "train"}
    assert "train/<class>/*.jpg" in complaint(split)
    accept({**split, "data_root": str(make(tmp_path, "train/"))})

    folder = {"type": "CustomDataset", "data_prefix": str(tmp_path / "tiles"), "with_label": False}
    text = complaint(folder)
    assert "any folders, with images" in text
    assert "--cfg-options train_dataloader.dataset.data_prefix=" in text
    accept({**folder, "data_prefix": str(make(tmp_path, "tiles/") / "tiles")})


@pytest.mark.parametrize(
    "dataset",
    [
        coco("s3://bucket/coco"),
        coco("petrel:coco"),
        coco("file:///nowhere"),
        {**coco("nowhere"), "backend_args": {"backend": "petrel"}},
        {"type": "CIFAR10", "data_root": "nowhere"},
        {"type": "SyntheticDataset"},
    ],
)
def test_other_storage_and_downloads_are_left_alone(dataset):
    accept(dataset)


def test_metrics_have_annotation_files_of_their_own(tmp_path):
    root = make(tmp_path, "train2017/", "annotations/instances_train2017.json")
    metric = {"type": "CocoMetric", "ann_file": str(tmp_path / "other.json")}
    text = complaint(coco(root), train_evaluator=[{"type": "Accuracy"}, metric])
    assert text == f"train_evaluator.1: CocoMetric needs {tmp_path / 'other.json'}, which does not exist."

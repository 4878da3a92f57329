"""Data sets on disk to spoil, and what the check says of them."""

import json

import cv2
import numpy as np
import pytest
from mmengine.config import Config

import cnxv2_mm  # noqa: F401  (supplies missing mmcv operators)
from cnxv2_mm.training.data_check import check_data

CATEGORIES = [{"id": 3, "name": "cat"}, {"id": 7, "name": "dog"}]  # ids with gaps, as in COCO


def remarks(dataset, scope, loader="train_dataloader"):
    """What is only suspicious in a data set."""
    return check_data(Config({"default_scope": scope, loader: {"dataset": dataset}}), (loader,))


def error(dataset, scope):
    """Why a data set cannot be trained on; one line for each reason."""
    with pytest.raises(ValueError, match=r"^train_dataloader\.dataset: ") as caught:
        remarks(dataset, scope)
    return str(caught.value)


def write_image(path, channels=3, side=64):
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.full((side, side, channels), 99, np.uint8))
    return path


class CocoFolder:
    """Four images of 64 x 64 pixels, a box in each; ``content`` is what the file will hold."""

    def __init__(self, root):
        self.root = root
        names = [f"{i}.jpg" for i in range(4)]
        for name in names:
            write_image(root / "images" / name)
        self.content = {
            "images": [{"id": i, "file_name": name, "width": 64, "height": 64} for i, name in enumerate(names)],
            "categories": [dict(category) for category in CATEGORIES],
            "annotations": [
                {"id": i + 1, "image_id": i, "category_id": (3, 7)[i % 2], "bbox": [4, 4, 20, 30], "area": 600.0}
                for i in range(4)
            ],
        }

    def dataset(self, classes=("cat", "dog"), **settings):
        """Writes the file; the settings of an mmdet data set that reads it."""
        (self.root / "labels.json").write_text(json.dumps(self.content))
        return {
            "type": "CocoDataset",
            "data_root": str(self.root),
            "ann_file": "labels.json",
            "data_prefix": {"img": "images/"},
            "metainfo": {"classes": classes},
            "filter_cfg": {"filter_empty_gt": True, "min_size": 32},
            **settings,
        }


@pytest.fixture
def coco(tmp_path):
    return CocoFolder(tmp_path)

"""Batches for mmpretrain."""

import pytest
from mmengine.config import Config

from benchmarks.swap.batches.classification import SIDE, classification_batch, pictures_to_classify
from cnxv2_mm.config.load import load_config


def test_pictures_have_labels_that_the_head_knows():
    config = Config({"model": {"type": "ImageClassifier", "head": {"num_classes": 3}}})
    batch = pictures_to_classify(config)
    assert [tuple(picture.shape) for picture in batch["inputs"]] == [(3, SIDE, SIDE)] * 4
    assert [int(sample.gt_label) for sample in batch["data_samples"]] == [0, 1, 2, 0]


@pytest.mark.parametrize(
    ("name", "views"),
    [
        ("mmpretrain::simsiam/simsiam_resnet50_8xb32-coslr-100e_in1k.py", 2),
        ("mmpretrain::swav/swav_resnet50_8xb32-mcrop-coslr-200e_in1k-224px-96px.py", 8),  # 2 large and 6 small ones
    ],
)
def test_learning_without_labels_has_several_views(name, views):
    inputs = classification_batch(load_config(name))["inputs"]
    assert [tuple(view.shape) for view in inputs] == [(4, 3, SIDE, SIDE)] * views

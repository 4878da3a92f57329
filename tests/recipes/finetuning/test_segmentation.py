"""`finetune segment` from a folder to a model that mmseg runs, with real images and a few real iterations."""

import json

import numpy as np
import pytest
import torch
from mmengine.config import Config
from skimage import data

from cnxv2_mm.recipes.finetuning.finetune import finetune
from cnxv2_mm.recipes.finetuning.segmentation import Segmentation
from cnxv2_mm.recipes.finetuning.task import Wishes
from tests.recipes.data.folders import ade, write_image, write_labels
from tests.recipes.finetuning.starts import start_of
from tools import train

# isort: split
from mmseg.apis import MMSegInferencer


def plan(root, tmp_path, arch="atto", **wishes):
    return Segmentation().plan(root, tmp_path / "data", start_of(arch), Wishes(**wishes), lambda done, total: None)


def mixed(root):
    """ADE20K's tree; one image and its label map have other endings; class 1 has most pixels."""
    ade(root, labels=(0, 1, 1, 1, 1, 2))
    write_image(root / "images/training/z.png", 70)
    write_labels(root / "annotations/training/z.bmp", 1, 2, 3)
    return root


def test_from_a_folder_to_a_model_that_mmseg_runs(pretrained, tmp_path):
    done = finetune(
        "segment",
        mixed(tmp_path / "ade"),
        start=pretrained,
        out=tmp_path / "run",
        epochs=0.5,
        flip=False,
        reduce_zero_label=True,
    )
    assert done.classes == ("1", "2", "3")
    assert set(done.scores) == {"mIoU", "pixel accuracy"}
    assert all(0 <= score <= 1 for score in done.scores.values())
    config = Config.fromfile(done.config)
    assert [one.img_suffix for one in config.train_dataloader.dataset.datasets] == [".jpg", ".png"]
    assert config.val_dataloader.dataset.type == "BaseSegDataset"
    # The same numbers as by the config alone.
    train.main([str(done.config), "--work-dir", str(tmp_path / "other")])
    last = f"iter_{config.train_cfg.max_iters}.pth"
    ours, other = (torch.load(path / last, weights_only=False) for path in (tmp_path / "run/run", tmp_path / "other"))
    assert ours["state_dict"].keys() == other["state_dict"].keys()
    assert all(torch.equal(value, other["state_dict"][name]) for name, value in ours["state_dict"].items())
    # mmseg's own inferencer.
    photograph = np.ascontiguousarray(data.chelsea()[:80, :100, ::-1])
    inferencer = MMSegInferencer(str(done.config), str(done.model), device="cpu", show_progress=False)
    predicted = inferencer(photograph, return_vis=True)["predictions"]
    assert predicted.shape == (80, 100)
    assert set(np.unique(predicted)) <= {0, 1, 2}
    assert inferencer.model.dataset_meta["classes"] == ("1", "2", "3")
    task = json.loads((tmp_path / "run" / "settings.json").read_text())["task"]
    assert task == "segment"


def test_wishes_reach_the_config(tmp_path):
    root = ade(tmp_path / "ade")
    usual = plan(root, tmp_path)
    transforms = [one["type"] for one in usual.train_dataset["pipeline"]]
    assert transforms == [
        "LoadImageFromFile",
        "LoadAnnotations",
        "RandomResize",
        "RandomCrop",
        "RandomFlip",
        "PhotoMetricDistortion",
        "PackSegInputs",
    ]
    assert "reduce_zero_label" not in usual.train_dataset
    wished = plan(root, tmp_path, flip=False, reduce_zero_label=True, size=96)
    assert "RandomFlip" not in [one["type"] for one in wished.train_dataset["pipeline"]]
    assert wished.train_dataset["reduce_zero_label"]
    assert wished.val_dataset["reduce_zero_label"]
    assert wished.model["data_preprocessor"]["size"] == (96, 96)
    assert wished.classes == ("1", "2")


@pytest.mark.parametrize(
    ("arch", "lr", "drop_path"), [("atto", 1.4e-3, 0.0), ("tiny", 2e-4, 0.2), ("large", 1e-4, 0.4)]
)
def test_rates_follow_the_size_of_the_network(tmp_path, arch, lr, drop_path):
    found = plan(ade(tmp_path / "ade"), tmp_path, arch)
    assert found.rates.lr == lr
    assert found.model["backbone"]["drop_path_rate"] == drop_path
    assert found.model["auxiliary_head"]["in_channels"] == start_of(arch).channels[2]


def test_batches_suit_the_amount_of_data(tmp_path):
    assert plan(ade(tmp_path / "a", train=8), tmp_path).batch_sizes == (2,)
    many = plan(ade(tmp_path / "b", train=40), tmp_path)
    assert many.batch_sizes == (2, 4, 8)
    assert many.val_batch_size == 16
    write_image(tmp_path / "b" / "images/validation/v00.jpg", 3, size=(52, 40))
    write_labels(tmp_path / "b" / "annotations/validation/v00.png", 0, 1, 2, size=(52, 40))
    assert plan(tmp_path / "b", tmp_path).val_batch_size == 1

"""`finetune classify` from folders to a model that mmpretrain runs, with real images and a few real iterations."""

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.registry import init_default_scope
from mmpretrain import ImageClassificationInferencer
from mmpretrain.registry import TRANSFORMS
from skimage import data

from cnxv2_mm.recipes.finetuning.classification import Classification
from cnxv2_mm.recipes.finetuning.finetune import finetune
from cnxv2_mm.recipes.finetuning.task import Wishes
from tests.recipes.data.folders import classes, write_image
from tests.recipes.finetuning.starts import start_of
from tools import train


def plan(root, tmp_path, arch="atto", **wishes):
    return Classification().plan(root, tmp_path / "data", start_of(arch), Wishes(**wishes), lambda done, total: None)


def names(dataset):
    return [one["type"] for one in dataset["pipeline"]]


def test_from_folders_to_a_model_that_mmpretrain_runs(pretrained, tmp_path):
    root = classes(tmp_path / "pets")
    done = finetune("classify", root, start=pretrained, out=tmp_path / "run", epochs=1, flip=False)
    assert done.classes == ("cat", "dog", "owl")
    assert 0 <= done.scores["top-1"] <= 1
    config = Config.fromfile(done.config)
    # The same numbers as by the config alone.
    train.main([str(done.config), "--work-dir", str(tmp_path / "other")])
    last = f"iter_{config.train_cfg.max_iters}.pth"
    ours, other = (torch.load(path / last, weights_only=False) for path in (tmp_path / "run/run", tmp_path / "other"))
    assert ours["state_dict"].keys() == other["state_dict"].keys()
    assert all(torch.equal(value, other["state_dict"][name]) for name, value in ours["state_dict"].items())
    # mmpretrain's own inferencer.
    init_default_scope("mmpretrain")  # it takes the scope that is there, which another test may have left
    photograph = np.ascontiguousarray(data.chelsea()[:80, :100, ::-1])
    inferencer = ImageClassificationInferencer(str(done.config), str(done.model), device="cpu")
    (found,) = inferencer(photograph)
    assert found["pred_scores"].sum() == pytest.approx(1)
    assert found["pred_class"] in ("cat", "dog", "owl")


def test_small_images_are_not_blown_up(tmp_path):
    """48 x 40 pixels: squares of 32, shifted by a pixel; not 224."""
    found = plan(classes(tmp_path / "pets"), tmp_path)
    assert names(found.train_dataset) == ["LoadImageFromFile", "ResizeEdge", "RandomCrop", "RandomFlip", "PackInputs"]
    assert names(found.val_dataset) == ["LoadImageFromFile", "ResizeEdge", "CenterCrop", "PackInputs"]
    settings = {one.name: one for one in found.settings}
    assert settings["image size"].value == "32 x 32 pixels"
    assert settings["image size"].why == "the median image has a shorter side of 40 pixels"
    for part in (found.train_dataset, found.val_dataset):
        init_default_scope("mmpretrain")
        pipeline = Compose([TRANSFORMS.build(one) for one in part["pipeline"]])
        sample = pipeline({"img_path": str(tmp_path / "pets/train/cat/train0.jpg"), "gt_label": 0})
        assert sample["inputs"].shape == (3, 32, 32)


def test_images_of_the_network_s_size_are_not_resized(tmp_path):
    root = tmp_path / "digits"
    for name in "ab":
        for i in range(6):
            write_image(root / name / f"{i}.png", i + 10 * (name == "b"), (64, 64))
    found = plan(root, tmp_path)
    assert names(found.train_dataset) == ["LoadImageFromFile", "RandomCrop", "RandomFlip", "PackInputs"]
    assert found.train_dataset["pipeline"][1]["padding"] == 3  # as configs/demo/classification.py
    assert names(found.val_dataset) == ["LoadImageFromFile", "PackInputs"]


def test_large_images_are_cropped_as_in_the_paper(tmp_path):
    root = tmp_path / "pets"
    for name in "ab":
        for i in range(6):
            write_image(root / name / f"{i}.jpg", i + 10 * (name == "b"), (320, 240))
    found = plan(root, tmp_path, flip=False)
    assert names(found.train_dataset) == ["LoadImageFromFile", "RandomResizedCrop", "RandAugment", "PackInputs"]
    (_, resize, crop, _) = found.val_dataset["pipeline"]
    assert (resize["scale"], crop["crop_size"]) == (256, 224)
    init_default_scope("mmpretrain")
    for part in (found.train_dataset, found.val_dataset):
        pipeline = Compose([TRANSFORMS.build(one) for one in part["pipeline"]])
        assert pipeline({"img_path": str(root / "a/0.jpg"), "gt_label": 0})["inputs"].shape == (3, 224, 224)
    assert plan(root, tmp_path, size=128).train_dataset["pipeline"][1]["scale"] == 128


@pytest.mark.parametrize(
    ("arch", "lr", "decay"), [("atto", 2e-3, 0.98), ("tiny", 5.7e-4, 0.9), ("large", 4.4e-4, 0.85)]
)
def test_rates_follow_the_size_of_the_network(tmp_path, arch, lr, decay):
    found = plan(classes(tmp_path / "pets"), tmp_path, arch)
    assert (found.rates.lr, found.rates.layer_decay) == (lr, decay)
    assert found.model["head"]["in_channels"] == start_of(arch).channels[-1]


@pytest.mark.parametrize(("table", "lr", "batch"), [(10, 8e-4 * 1024 / 256, 1024), (11, 6.25e-4 * 1024 / 256, 1024)])
def test_rates_are_the_paper_s_by_the_root_of_the_batch(tmp_path, table, lr, batch):
    """Tables 10 (tiny) and 11 (base) of ConvNeXt V2; AdamW's rate goes with the root of the batch."""
    found = plan(classes(tmp_path / "pets"), tmp_path, "tiny" if table == 10 else "base")
    assert found.rates.lr == pytest.approx(lr * (found.rates.batch_size / batch) ** 0.5, rel=0.01)


def test_wishes_that_cannot_be(tmp_path):
    root = classes(tmp_path / "pets")
    with pytest.raises(ValueError, match="--size 16 must be at least 32"):
        plan(root, tmp_path, size=16)
    with pytest.raises(ValueError, match="--reduce-zero-label is for label maps"):
        plan(root, tmp_path, reduce_zero_label=True)
    start = start_of(mean=(99,), std=(9,))
    with pytest.raises(ValueError, match="for images of 1 channels"):
        Classification().plan(root, tmp_path, start, Wishes(), lambda done, total: None)

"""A pre-training in miniature on real photographs as PNG files, by mmengine's Runner."""

import json

import cv2
import pytest
from mmengine.config import Config

from cnxv2_mm.training.runner import build_runner
from tests.conftest import photographs
from tests.tools.toy_folder import CONFIG

MEAN, STD = [123.675, 116.28, 103.53], [58.395, 57.12, 57.375]
# Crops and flips are drawn at random, so that a disturbed generator would change the losses.
PIPELINE = [
    {"type": "LoadImageFromFile"},
    {"type": "RandomResizedCrop", "scale": 64, "crop_ratio_range": (0.5, 1.0)},
    {"type": "RandomFlip", "prob": 0.5},
    {"type": "PackInputs"},
]


@pytest.fixture(scope="session")
def png_folder(tmp_path_factory):
    """Twenty images of 80 x 72 pixels."""
    folder = tmp_path_factory.mktemp("png")
    for i, image in enumerate(photographs(20, size=(80, 72)).permute(0, 2, 3, 1).numpy()):
        cv2.imwrite(str(folder / f"{i:02d}.png"), ((image + 2) * 64).clip(0, 255).astype("uint8"))
    return folder


@pytest.fixture(scope="session")
def class_folders(png_folder, tmp_path_factory):
    """The same images in two class folders, ten in each."""
    folder = tmp_path_factory.mktemp("classes")
    for i, path in enumerate(sorted(png_folder.glob("*.png"))):
        (folder / "ab"[i // 10]).mkdir(exist_ok=True)
        (folder / "ab"[i // 10] / path.name).symlink_to(path)
    return folder


def settings(folder, images, **changes):
    """The config of ten steps on eighteen of the images: two are held out."""
    config = Config.fromstring(CONFIG, ".py")
    config.model.data_preprocessor = {"type": "SelfSupDataPreprocessor", "mean": MEAN, "std": STD, "to_rgb": True}
    config.train_dataloader.collate_fn = {"type": "default_collate"}
    config.train_dataloader.dataset.update(data_root=str(images), pipeline=PIPELINE)
    config.train_dataloader.sampler = {"type": "cnxv2_mm.HeldOutSampler"}
    config.merge_from_dict({"work_dir": str(folder), "experiment_name": str(folder).replace("/", "_")})
    config.merge_from_dict({"train_cfg.max_epochs": 2, "default_hooks.checkpoint.interval": 2, **changes})
    return config


@pytest.fixture
def runner(tmp_path, png_folder):
    """Builds a run from changes of the config."""

    def build(folder="run", **changes):
        return build_runner(settings(tmp_path / folder, png_folder, **changes))

    return build


def scalars(runner):
    """What the visualizer of a run has written, line by line."""
    (file,) = (runner.visualizer._vis_backends["LocalVisBackend"]._scalar_save_file,)
    with open(file) as lines:
        return [json.loads(line) for line in lines]

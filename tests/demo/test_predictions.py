"""What the sheet shows of four models, untrained here, on the images and labels of validation."""

import json

import cv2
import numpy as np
import pytest
import torch
from mmengine.registry import MODELS, DefaultScope

from cnxv2_mm.config.load import load_config
from cnxv2_mm.recipes.run_folder import RunFolder
from cnxv2_mm.training.options import set_loaders
from demo.predictions import predict_pictures, predict_scenes
from demo.tasks import CLASSIFICATION, DETECTION, PRETRAINING, SEGMENTATION
from tests.test_structure import ROOT

CONFIGS = {PRETRAINING: "fcmae", CLASSIFICATION: "classification", DETECTION: "mask_rcnn", SEGMENTATION: "upernet"}


@pytest.fixture(scope="module")
def work_dir(root, tmp_path_factory):
    """Folders as the demo's commands leave them: a config and weights each."""
    folder = tmp_path_factory.mktemp("work")
    for task, name in CONFIGS.items():
        config = load_config(f"{ROOT}/configs/demo/{name}.py")
        config.model.backbone.pop("init_cfg", None)
        set_loaders(config, pin_memory=False, persistent_workers=False)  # as tools/train.py does
        if "data_preprocessor" in config:
            config.model.data_preprocessor = config.data_preprocessor  # as the Runner does
        run = RunFolder(folder / task.name)
        run.work.mkdir(parents=True)
        config.dump(run.config)
        checkpoint = run.work / "epoch_1.pth" if task is PRETRAINING else run.model
        (run.work / "last_checkpoint").write_text(str(checkpoint))
        with DefaultScope.overwrite_default_scope(config.default_scope):
            torch.save({"state_dict": MODELS.build(config.model).state_dict()}, checkpoint)
    return folder


@pytest.fixture(autouse=True)
def data_where_the_configs_look(root, tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "demo").symlink_to(root)
    monkeypatch.chdir(tmp_path)


def test_pictures_come_with_truth_and_prediction(root, work_dir):
    files = sorted((root / "imagenet" / "val").glob("*/*.jpg"))
    indices = [0, 50, 300]
    for index, picture in zip(indices, predict_pictures(work_dir, indices), strict=True):
        np.testing.assert_array_equal(picture.image, cv2.imread(str(files[index]))[..., ::-1])
        digit = int(files[index].parent.name)
        assert picture.true_class == digit
        assert np.unique(picture.true_labels).tolist() == [0, 1 + digit]
        assert 0 <= picture.predicted_class < 10
        assert 0.1 <= picture.probability <= 1  # the largest of ten
        assert picture.labels.shape == picture.true_labels.shape == (64, 64)


def test_scenes_come_with_truth_reconstruction_and_objects(root, work_dir):
    truth = json.loads((root / "coco/annotations/instances_val.json").read_text())["annotations"]
    for index, scene in zip([4, 1], predict_scenes(work_dir, root, [4, 1]), strict=True):
        np.testing.assert_array_equal(scene.image, cv2.imread(str(root / f"coco/val/{index:06d}.jpg"))[..., ::-1])
        objects = [one for one in truth if one["image_id"] == index]
        assert scene.true_objects.classes.tolist() == [one["category_id"] - 1 for one in objects]
        corners = [[x, y, x + w, y + h] for x, y, w, h in (one["bbox"] for one in objects)]
        np.testing.assert_allclose(scene.true_objects.boxes, corners)
        assert scene.true_objects.masks.shape == (len(objects), 160, 160)
        assert scene.true_objects.masks.sum(axis=(1, 2)).tolist() == [one["area"] for one in objects]
        assert (scene.true_objects.scores == 1).all()
        assert scene.objects.masks.shape == (len(scene.objects.boxes), 160, 160)
        # What was visible is shown as it was; what was hidden is painted.
        seen = scene.visible.repeat(160 // len(scene.visible), 0).repeat(160 // len(scene.visible), 1)
        assert 0 < seen.mean() < 1
        difference = np.abs(scene.reconstruction.astype(int) - scene.image).max(axis=2)
        assert difference[seen].max() <= 1
        assert difference[~seen].mean() > 5

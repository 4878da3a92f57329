"""The picture in the run's folder shows the images, what is hidden, and what the model paints, pixel by pixel."""

import sys
import types
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from cnxv2_mm import FCMAE, ReconstructionSheetHook
from cnxv2_mm.training.monitoring.held_out_images import FixedImages
from tests.training.monitoring.conftest import MEAN, STD

HOOK = {"type": "cnxv2_mm.ReconstructionSheetHook", "interval": 4, "num_images": 2}


def pictures(runner):
    """The pictures of a run, RGB, by their steps."""
    folder = Path(runner.visualizer._vis_backends["LocalVisBackend"]._img_save_dir)
    files = {int(path.stem.split("_")[1]): path for path in folder.glob("reconstruction_*.png")}
    return {step: cv2.imread(str(file))[..., ::-1] for step, file in sorted(files.items())}


def paint(model: FCMAE, images: FixedImages):
    """Oracle: what the model paints, as bytes, image by image: (height, width, 3) each."""
    mean, std = (np.array(x, np.float32) for x in (MEAN, STD))
    ((batch, samples),) = images.batches(model, len(images))
    whole = [model.predict(batch[i : i + 1], [sample])[0].reconstruction for i, sample in enumerate(samples)]
    return [(image.permute(1, 2, 0).numpy() * std + mean).clip(0, 255) for image in whole]


def test_pictures_of_a_run(runner):
    run = runner(custom_hooks=[HOOK])
    start = {name: x.clone() for name, x in run.model.state_dict().items()}
    run.train()
    found = pictures(run)
    assert list(found) == [0, 4, 8, 10]  # before, every fourth, and the last step
    (hook,) = (hook for hook in run.hooks if isinstance(hook, ReconstructionSheetHook))
    finish = paint(run.model.eval(), hook.images)
    run.model.load_state_dict(start)
    for step, painted in ((0, paint(run.model, hook.images)), (10, finish)):
        assert found[step].shape == (3 * 64 + 2 * 4, 2 * 64 + 4, 3)
        for column, sample in enumerate(hook.images._samples):
            rows = [found[step][68 * row : 68 * row + 64, 68 * column : 68 * column + 64] for row in range(3)]
            image = sample["inputs"].flip(0).permute(1, 2, 0).numpy()
            assert np.array_equal(rows[0], image)
            hidden = (rows[1] == 128).all(axis=2)
            assert hidden.mean() == 0.75
            assert np.array_equal(rows[1][~hidden], image[~hidden])
            assert np.array_equal(rows[2][~hidden], image[~hidden])
            assert np.abs(rows[2] - painted[column]).max() < 0.51  # rounded
    assert not np.array_equal(found[0][136:], found[10][136:])


def test_channels_of_satellite_images(runner, tmp_path):
    """Numbers beyond bytes are shown between the smallest and the largest of the image; channels may be chosen."""
    tiles = tmp_path / "tiles"
    tiles.mkdir()
    tile = np.random.default_rng(0).integers(1000, 9000, (64, 64, 5)).astype(np.uint16)
    for i in range(4):
        tifffile.imwrite(tiles / f"{i}.tiff", tile + i)
    load = {"type": "LoadImageFromFile", "imdecode_backend": "tifffile", "to_float32": True}
    preprocessor = {"type": "ClsDataPreprocessor", "mean": [4e3] * 5, "std": [2e3] * 5, "to_rgb": False}
    changes = {
        "model.data_preprocessor": preprocessor,
        "model.backbone.in_channels": 5,
        "train_dataloader.dataset.data_root": str(tiles),
        "train_dataloader.dataset.pipeline": [load, {"type": "PackInputs"}],
        "train_cfg.max_epochs": 1,
        "custom_hooks": [{**HOOK, "channels": (4, 2, 1)}],
    }
    run = runner(**changes)
    run.train()
    shown = pictures(run)[0][:64, :64]
    values = tile[:, :, [4, 2, 1]].astype(float)
    expected = (values - values.min()) / (values.max() - values.min()) * 255
    assert np.abs(shown - expected).max() < 0.6


class MLflow(types.ModuleType):
    """What mmengine's backend calls; an image is saved by Pillow under the name that it is given, as MLflow does."""

    MlflowException = KeyError

    def __init__(self, folder):
        super().__init__("mlflow")
        self.folder = folder

    def log_image(self, image, artifact_file):
        Image.fromarray(image).save(self.folder / artifact_file)

    def __getattr__(self, name):
        return lambda *args, **kwargs: None


def test_mlflow_gets_files(runner, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow", MLflow(tmp_path))
    backends = [{"type": "LocalVisBackend"}, {"type": "MLflowVisBackend"}]
    run = runner(custom_hooks=[HOOK], visualizer={"type": "Visualizer", "vis_backends": backends, "name": "mlflow"})
    run.train()
    assert sorted(file.name for file in tmp_path.glob("*.png")) == [f"reconstruction_{i}.png" for i in (0, 10, 4, 8)]
    assert np.array_equal(cv2.imread(str(tmp_path / "reconstruction_4.png"))[..., ::-1], pictures(run)[4])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"custom_hooks": [{**HOOK, "channels": (0, 1, 3)}]}, r"channels=\(0, 1, 3\): the model's images have 3"),
        ({"custom_hooks": [{**HOOK, "channels": (0, 1)}]}, r"channels=\(0, 1\) must name three"),
        ({"custom_hooks": [{**HOOK, "interval": 0}]}, "ReconstructionSheetHook's interval=0 must be"),
    ],
)
def test_errors(runner, changes, message):
    with pytest.raises(ValueError, match=message):
        runner(**changes).train()

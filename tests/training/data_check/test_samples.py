"""Files that cannot be loaded end a real training with their names, in the process that trains or in a worker."""

import subprocess
import sys

import cv2
import numpy as np
import pytest
import tifffile
import torch

from cnxv2_mm.command_line import message
from cnxv2_mm.training import runner
from tests.conftest import photographs
from tests.test_structure import ROOT
from tests.tools.conftest import load_tool
from tests.tools.toy_folder import write_config, write_folder

run_training = load_tool("train").main


@pytest.fixture
def images(tmp_path):
    """Four sound images; a file named 02b is the third."""
    return write_folder(tmp_path / "images", 4)


@pytest.fixture
def train(tmp_path, images):
    def train(*options):
        config = write_config(tmp_path, images)
        run_training(
            [str(config), "--work-dir", str(tmp_path / "run"), "--cfg-options", "train_cfg.max_epochs=1", *options]
        )
        return "".join(log.read_text() for log in (tmp_path / "run").glob("*/*.log"))

    return train


def test_a_file_that_is_no_image(train, images):
    (images / "02b.tiff").write_bytes(b"no picture")
    with pytest.raises(ValueError, match="02b") as error:
        train()
    text = message(error.value)
    assert text.startswith(f"{images / '02b.tiff'}: LoadImageFromFile failed (TiffFileError: ")
    assert "\n" not in text


@pytest.mark.parametrize("shape", [(64, 64, 4), (64, 64, 13), (64, 64)])
def test_other_channels_than_the_model(train, images, shape):
    tifffile.imwrite(images / "02b.tiff", np.zeros(shape, np.float32), photometric="minisblack")
    number = shape[2] if len(shape) == 3 else 1
    with pytest.raises(ValueError, match="02b") as error:
        train()
    assert message(error.value).startswith(f"{images / '02b.tiff'} has {number} channels, the model takes 3: ")


def test_channels_by_the_backbone_alone(train, images):
    tifffile.imwrite(images / "02b.tiff", np.zeros((64, 64, 4), np.float32), photometric="minisblack")
    options = ["model.data_preprocessor.mean=None", "model.data_preprocessor.std=None", "model.backbone.in_channels=3"]
    with pytest.raises(ValueError, match=r"02b.* 4 channels, the model takes 3"):
        train(*options)


OPENCV = "train_dataloader.dataset.pipeline.0.imdecode_backend=cv2"
JPEG = [OPENCV, "train_dataloader.dataset.extensions=['.jpg']"]


@pytest.fixture
def jpegs(images):
    for i, image in enumerate(photographs(4, size=(64, 64)).permute(0, 2, 3, 1).numpy()):
        cv2.imwrite(str(images / f"{i}.jpg"), (image * 64 + 128).clip(0, 255).astype(np.uint8))
    return images


def test_an_empty_file_that_appears_after_the_check(train, jpegs, monkeypatch):
    monkeypatch.setattr(runner, "check_data", lambda config, loaders: [])
    (jpegs / "1.jpg").write_bytes(b"")
    with pytest.raises(ValueError, match=rf"{jpegs}/1\.jpg is empty \(0 bytes\)\."):
        train(*JPEG)


@pytest.mark.parametrize("bytes_left", [20, 0.5, 0.9])
def test_a_photograph_that_is_cut_off(train, jpegs, bytes_left):
    content = (jpegs / "2.jpg").read_bytes()
    end = int(len(content) * bytes_left) if isinstance(bytes_left, float) else bytes_left
    (jpegs / "2.jpg").write_bytes(content[:end])
    with pytest.raises(ValueError, match=rf"{jpegs}/2\.jpg cannot be read: it is cut off"):
        train(*JPEG)


def test_the_command_prints_one_line_of_what_a_worker_meets(tmp_path, images):
    tifffile.imwrite(images / "02b.tiff", torch.zeros(64, 64, 5).numpy(), photometric="minisblack")
    config = write_config(tmp_path, images)
    command = [sys.executable, str(ROOT / "tools/train.py"), str(config), "--work-dir", str(tmp_path / "run")]
    command += ["--cfg-options", "train_dataloader.num_workers=1"]
    result = subprocess.run(command, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    line, more = result.stderr.splitlines()[-2:]
    assert line.startswith(f"train: {images / '02b.tiff'} has 5 channels, the model takes 3: ")
    assert more == "(--traceback shows where this arose.)"

"""Sizes of images as OpenCV loads them, which is the oracle, and files that are none."""

import cv2
import numpy as np
import pytest
from PIL import Image
from skimage import data

from cnxv2_mm.recipes.data import image_files
from cnxv2_mm.recipes.data.image_files import examine


@pytest.fixture
def photograph(tmp_path):
    def write(name, **options):
        Image.fromarray(data.astronaut()[:48, :64]).save(tmp_path / name, **options)
        return tmp_path / name

    return write


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.tif", "a.webp", "a.bmp"])
def test_the_size_is_the_one_that_opencv_loads(photograph, name):
    file = photograph(name)
    assert examine([file]) == [cv2.imread(str(file)).shape[1::-1]] == [(64, 48)]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_photograph(photograph, orientation):
    exif = Image.Exif()
    exif[274] = orientation
    file = photograph("turned.jpg", exif=exif)
    assert examine([file]) == [cv2.imread(str(file)).shape[1::-1]]


def test_what_is_no_image(photograph, tmp_path):
    whole = photograph("whole.jpg")
    cut = tmp_path / "cut.jpg"
    cut.write_bytes(whole.read_bytes()[:-100])
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "text.jpg").write_text("not an image")
    files = [tmp_path / name for name in ("whole.jpg", "cut.jpg", "empty.jpg", "text.jpg", "absent.jpg")]
    done = []
    size, *reasons = examine(files, lambda *numbers: done.append(numbers))
    assert size == (64, 48)
    assert [reason.split("(")[0].strip() for reason in reasons] == [
        "cannot be read: image file is truncated",
        "is empty",
        "is no image that Pillow or OpenCV knows",
        "does not exist",
    ]
    assert done == [(n, 5) for n in range(1, 6)]


def test_of_many_files_the_first_bytes_are_read(photograph, tmp_path, monkeypatch):
    monkeypatch.setattr(image_files, "MOST_DECODED", 0)
    cut = tmp_path / "cut.jpg"
    cut.write_bytes(photograph("whole.jpg").read_bytes()[:-100])
    assert examine([cut]) == [(64, 48)]


def test_a_format_that_opencv_does_not_read(tmp_path):
    """It would fail at some step of the training."""
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / "a.pcx")
    assert cv2.imread(str(tmp_path / "a.pcx")) is None
    assert examine([tmp_path / "a.pcx"]) == ["is PCX, which OpenCV cannot read: save it as PNG"]

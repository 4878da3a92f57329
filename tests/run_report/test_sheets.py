"""The first and the last picture of a run, as JPEG files."""

import io
import os

import numpy as np
import pytest
from PIL import Image

from cnxv2_mm.run_report.run_folders import RunFolders
from cnxv2_mm.run_report.sheets import KINDS, PICTURES, read_sheets
from tests.conftest import photographs

FIRST, SECOND = "20260101_000000", "20260101_010000"
KIND = KINDS[0]


@pytest.fixture
def save(tmp_path):
    pictures = ((photographs(8, size=(40, 60)).permute(0, 2, 3, 1).numpy() + 2) * 64).clip(0, 255).astype(np.uint8)

    def write(folder, step, number):
        path = tmp_path / folder / PICTURES / f"reconstruction_{step}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pictures[number]).save(path)
        return pictures[number]

    return write


def difference(data, picture):
    image = Image.open(io.BytesIO(data))
    assert image.format == "JPEG"
    return np.abs(np.asarray(image).astype(int) - picture).mean()


def test_the_first_and_the_last(tmp_path, save):
    folders = RunFolders(tmp_path, FIRST, 0)
    assert read_sheets(folders, KIND) == []
    first = save(FIRST, 0, 0)
    (only,) = read_sheets(folders, KIND)
    assert only.step == 0
    for step in (200, 1000, 30):
        save(FIRST, step, step % 7)
    last = save(FIRST, 1000, 5)
    save(FIRST, 5000, 6)
    (tmp_path / FIRST / PICTURES / "reconstruction_5000.png").rename(tmp_path / FIRST / PICTURES / "others_5000.png")
    sheets = read_sheets(folders, KIND)
    assert [sheet.step for sheet in sheets] == [0, 1000]  # by number, not by name
    assert difference(sheets[0].data, first) < 10
    assert difference(sheets[1].data, last) < 10
    assert read_sheets(folders, KINDS[1]) == []


def test_a_picture_that_is_drawn_again_is_read_again(tmp_path, save):
    save(FIRST, 0, 0)
    read_sheets(RunFolders(tmp_path, FIRST, 0), KIND)
    new = save(FIRST, 0, 3)
    os.utime(tmp_path / FIRST / PICTURES / "reconstruction_0.png", (1, 1))
    (sheet,) = read_sheets(RunFolders(tmp_path, FIRST, 0), KIND)
    assert difference(sheet.data, new) < 10


def test_a_resumed_run_shows_its_own_last_picture(tmp_path, save):
    save(FIRST, 0, 0)
    save(FIRST, 100, 1)
    save(FIRST, 200, 2)
    save(SECOND, 150, 3)
    assert [sheet.step for sheet in read_sheets(RunFolders(tmp_path, SECOND, 100), KIND)] == [0, 150]


def test_half_a_file_is_passed_over(tmp_path, save):
    for step in (0, 100, 200, 300):
        save(FIRST, step, 0)
    for step in (0, 300):
        path = tmp_path / FIRST / PICTURES / f"reconstruction_{step}.png"
        path.write_bytes(path.read_bytes()[:500])
    folders = RunFolders(tmp_path, FIRST, 0)
    assert [sheet.step for sheet in read_sheets(folders, KIND)] == [100, 200]
    (tmp_path / FIRST / PICTURES / "reconstruction_200.png").write_bytes(b"")
    assert [sheet.step for sheet in read_sheets(folders, KIND)] == [100]
    (tmp_path / FIRST / PICTURES / "reconstruction_100.png").write_bytes(b"")
    assert read_sheets(folders, KIND) == []

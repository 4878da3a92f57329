"""A finished pre-training whose folder and data have names that only quoting survives."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from cnxv2_mm.training.runner import build_runner
from tests.configs.images import write_coco
from tests.run_report import runs
from tests.training.monitoring.conftest import png_folder  # noqa: F401  a fixture

ODD = "<b>&\"' ä 写真"


@pytest.fixture(scope="session")
def odd_images(png_folder, tmp_path_factory):  # noqa: F811
    """Twenty images in a folder with such a name."""
    return Path(shutil.copytree(png_folder, tmp_path_factory.mktemp("images") / f"Bilder {ODD}"))


@pytest.fixture(scope="session")
def pretraining(odd_images, tmp_path_factory):
    """A pre-training of ten steps: its runner and its page."""
    folder = tmp_path_factory.mktemp("pretraining") / f"run {ODD}"
    run = build_runner(runs.fcmae(folder, odd_images, [runs.PAGE]))
    run.train()
    return SimpleNamespace(run=run, folder=folder, page=(folder / "report.html").read_text())


@pytest.fixture
def detector_data():
    """Writes COCO's tree with six images into a folder."""

    def write(folder):
        write_coco(folder)
        return folder

    return write

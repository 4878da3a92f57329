"""A folder of photographs, and one pre-training on it that several tests look at."""

import pytest

from cnxv2_mm.recipes.pretraining.pretrain import pretrain
from tests.images.test_survey import write_images

OPTIONS = {"arch": "atto", "size": 64, "epochs": 2}


@pytest.fixture(scope="session")
def images(tmp_path_factory):
    """Twenty images in two class folders, and a broken one."""
    folder = tmp_path_factory.mktemp("photographs")
    write_images(folder / "a")
    write_images(folder / "b", ending=".jpg")
    (folder / "a" / "broken.png").write_bytes(b"broken")
    return folder


@pytest.fixture(scope="session")
def trained(images, tmp_path_factory):
    """A pre-training that has ended."""
    out = tmp_path_factory.mktemp("runs") / "trained"
    return pretrain(images, out=out, export=["timm"], command="cnxv2 pretrain photographs", **OPTIONS)

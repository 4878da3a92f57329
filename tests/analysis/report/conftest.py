"""The networks and photographs of ``toy.py``, and what was measured of them, once for all tests."""

import pytest

from cnxv2_mm.analysis.report.images import Normalisation, choose_images, read_batches
from cnxv2_mm.analysis.report.measure import measure
from cnxv2_mm.analysis.report.network import load_network
from tests.analysis.report import toy

SIZE = 64


@pytest.fixture(scope="session")
def v1():
    return toy.make_v1()


@pytest.fixture(scope="session")
def v2():
    return toy.make_v2()


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory):
    return toy.write_checkpoints(tmp_path_factory.mktemp("checkpoints"))


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return toy.write_photographs(tmp_path_factory.mktemp("photographs"))


@pytest.fixture(scope="session")
def images(folder):
    return choose_images(folder, 100)


@pytest.fixture(scope="session")
def batch(images):
    """All images at once."""
    (batch,) = read_batches(images, SIZE, 100, Normalisation(3))
    return batch


@pytest.fixture(scope="session")
def results(checkpoints, images):
    """Both networks, measured in batches of four."""
    normalisation = Normalisation(3)
    return [
        measure(load_network(file, name), images, read_batches(images, SIZE, 4, normalisation), normalisation)
        for name, file in zip(("V1 <$x$>", "V2"), checkpoints, strict=True)
    ]

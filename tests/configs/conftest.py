"""Data and starting weights that the tests of trainings share."""

from pathlib import Path

import pytest

from tests.configs import images
from tests.tools.conftest import load_tool


@pytest.fixture(scope="session")
def run_training():
    return load_tool("train").main


@pytest.fixture(scope="session")
def run_test():
    return load_tool("test").main


@pytest.fixture(scope="session")
def class_folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("class_folders")
    images.write_class_folders(root)
    return root


@pytest.fixture(scope="session")
def coco(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("coco")
    images.write_coco(root)
    return root


@pytest.fixture(scope="session")
def ade(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("ade")
    images.write_ade(root)
    return root

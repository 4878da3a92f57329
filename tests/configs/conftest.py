"""Data and starting weights that the tests of trainings share."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.configs import images
from tests.configs.common import ROOT
from tests.tools.conftest import load_tool

# What every recipe gets before it is trained. Widths and depths of the smallest network that has all parts.
SIZES = """
backbone = dict(arch=dict(_delete_=True, depths=(1, 1, 2, 1), channels=(8, 16, 32, 64)))
loading = dict(num_workers=0, persistent_workers=False)
"""
SMALL_MASK_RCNN = """
model = dict(
    backbone=dict(backbone, init_cfg=dict(checkpoint="{weights}")),
    neck=dict(in_channels=[8, 16, 32, 64], out_channels=16),
    rpn_head=dict(in_channels=16, feat_channels=16),
    roi_head=dict(
        bbox_roi_extractor=dict(out_channels=16),
        bbox_head={bbox_head},
        mask_roi_extractor=dict(out_channels=16),
        mask_head=dict(num_convs=1, in_channels=16, conv_out_channels=16),
    ),
)
train_pipeline = _base_.train_pipeline
"""
SMALL_UPERNET = """
model = dict(
    data_preprocessor=dict(size=(64, 64)),
    backbone=dict(backbone, init_cfg=dict(checkpoint="{weights}")),
    decode_head=dict(in_channels=[8, 16, 32, 64], channels=16),
    auxiliary_head=dict(in_channels=32, channels=16),
    test_cfg=dict(crop_size=(64, 64), stride=(43, 43)),
)
train_pipeline = _base_.train_pipeline
"""


@pytest.fixture(scope="session")
def run_training():
    return load_tool("train").main


@pytest.fixture
def train(run_training: Callable[[list[str]], object], tmp_path: Path) -> Callable[..., Path]:
    """Trains a config with changes written as a config that inherits it; the last checkpoint."""

    def run(path: str, changes: str, *flags: str) -> Path:
        file = tmp_path / "small.py"
        file.write_text(f'_base_ = "{ROOT / "configs" / path}"\n{SIZES}{changes}')
        run_training([str(file), "--work-dir", str(tmp_path / "run"), *flags])
        (found,) = (tmp_path / "run").glob("[!b]*.pth")  # beside it the best one
        return found

    return run


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

"""Small models of the three kinds with random weights, saved as a run saves them, and a folder of photographs."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from mmengine.registry import MODELS, init_default_scope
from PIL import Image
from skimage import data

from cnxv2_mm.config.load import load_config
from cnxv2_mm.prediction.source import Source
from tests.conftest import wake_grn
from tests.test_structure import ROOT

CONFIGS = {"detector": "mask_rcnn", "segmenter": "upernet", "classifier": "classification"}


def write_model(kind: str, folder: Path) -> Source:
    """A demo's model with random weights and the names of its classes, as a checkpoint of mmengine has them."""
    file = str(ROOT / "configs" / "demo" / f"{CONFIGS[kind]}.py")
    config = load_config(file)
    init_default_scope(config.default_scope)
    torch.manual_seed(0)
    model = wake_grn(MODELS.build(config.model))
    for parameter in model.parameters():
        if parameter.ndim > 1:  # otherwise the demo's random start is almost linear, and all boxes are alike
            torch.nn.init.kaiming_normal_(parameter, nonlinearity="linear")
    names = config.get("classes") or config.get("metainfo", {}).get("classes") or [f"digit {i}" for i in range(10)]
    checkpoint = folder / f"{kind}.pth"
    torch.save({"state_dict": model.state_dict(), "meta": {"dataset_meta": {"classes": tuple(names)}}}, checkpoint)
    return Source(file, str(checkpoint))


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Source]:
    """Kind -> config and checkpoint of such a model."""
    folder = tmp_path_factory.mktemp("trained")
    written: dict[str, Source] = {}

    def write(kind: str) -> Source:
        if kind not in written:
            written[kind] = write_model(kind, folder)
        return written[kind]

    return write


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """cats/one.png, cats/two.jpg and rocket.tif, of different sizes."""
    folder = tmp_path / "photographs"
    (folder / "cats").mkdir(parents=True)
    cat = Image.fromarray(data.chelsea())
    cat.crop((0, 0, 160, 128)).save(folder / "cats" / "one.png")
    cat.crop((100, 40, 260, 140)).save(folder / "cats" / "two.jpg", quality=95)
    Image.fromarray(data.rocket()).crop((200, 100, 330, 250)).save(folder / "rocket.tif")
    return folder

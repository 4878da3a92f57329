"""Features of whole images. Oracle: timm's own network on an image that Pillow has resized."""

import numpy as np
import pytest
import timm
import torch
from PIL import Image

from cnxv2_mm.analysis.report.network import load_network
from cnxv2_mm.prediction.embedding import embed, shape_for
from cnxv2_mm.prediction.statistics import Statistics
from tests.analysis.report.toy import ARCH, randomise

STATISTICS = Statistics((120.0, 110.0, 100.0), (60.0, 50.0, 40.0), "")


@pytest.fixture
def peer(tmp_path):
    """A classifier of timm, and its checkpoint."""
    torch.manual_seed(0)
    model = timm.models.convnext.ConvNeXt(
        depths=ARCH["depths"], dims=ARCH["channels"], use_grn=True, ls_init_value=None, num_classes=3
    )
    randomise(model).eval()
    torch.save(model.state_dict(), tmp_path / "timm.pth")
    return model, str(tmp_path / "timm.pth")


def test_features_are_timms(peer, photographs):
    """Several shapes, in whose order the images are computed; the rows have the order of the files."""
    model, checkpoint = peer
    files = [photographs / name for name in ("rocket.tif", "cats/two.jpg", "cats/one.png", "rocket.tif")]
    features, rows, unreadable = embed(load_network(checkpoint), files, STATISTICS, size=96)
    assert (rows, unreadable) == ([0, 1, 2, 3], [])
    assert features.shape == (4, ARCH["channels"][-1])
    for file, feature in zip(files, features, strict=True):
        with Image.open(file) as picture:
            height, width = shape_for(picture.height, picture.width, 96)
            resized = np.asarray(picture.convert("RGB").resize((width, height), Image.Resampling.BICUBIC))
        image = (resized.astype(np.float32) - STATISTICS.mean) / STATISTICS.std
        with torch.no_grad():
            maps = model.forward_features(torch.from_numpy(image).float().permute(2, 0, 1)[None])
            (expected,) = model.forward_head(maps, pre_logits=True)
        assert torch.nn.functional.cosine_similarity(feature, expected, dim=0) > 0.9999
        assert (feature - expected).abs().max() < 0.02 * expected.abs().max()  # resized bytes may differ by one
    assert (features[0] - features[1]).abs().max() > 0.1 * features.abs().max()


def test_many_images_of_one_shape(peer, tmp_path):
    for i in range(35):  # more than a batch
        Image.fromarray(np.full((32, 32, 3), 7 * i, np.uint8)).save(tmp_path / f"{i:02d}.png")
    files = sorted(tmp_path.glob("*.png"))
    advanced = []
    network = load_network(peer[1])
    features, rows, _ = embed(network, files, STATISTICS, size=32, advance=advanced.append)
    assert rows == list(range(35))
    assert sum(advanced) == 35
    alone, _, _ = embed(network, files[33:34], STATISTICS, size=32)
    assert torch.allclose(features[33:34], alone, rtol=1e-4, atol=1e-5)


def test_unreadable_images(peer, photographs):
    (photographs / "text.jpg").write_text("not an image")
    files = [photographs / "text.jpg", photographs / "rocket.tif"]
    features, rows, unreadable = embed(load_network(peer[1]), files, STATISTICS, size=32)
    assert (len(features), rows) == (1, [1])
    assert [file.name for file, _ in unreadable] == ["text.jpg"]


@pytest.mark.parametrize(
    ("height", "width", "shape"),
    [
        (224, 224, (224, 224)),
        (1000, 1000, (224, 224)),
        (375, 500, (192, 256)),
        (10, 10, (224, 224)),
        (50, 5000, (32, 2240)),
    ],
)
def test_shapes(height, width, shape):
    assert shape_for(height, width, 224) == shape
    assert shape_for(width, height, 224) == shape[::-1]

"""JPEGs that travel as they are: decoded and cropped on the device to what the workers would have made of them."""

import pytest
import torch
from mmengine.dataset import Compose, default_collate, pseudo_collate
from mmengine.registry import init_default_scope
from mmengine.structures import BaseDataElement
from mmpretrain.registry import TRANSFORMS

from cnxv2_mm import ImagePreprocessor
from cnxv2_mm.images import finish_on_device
from tests.images.files import oriented, photograph, save

MEAN, STD = [123.675, 116.28, 103.53], [58.395, 57.12, 57.375]
META = ("img_path", "crop")


@pytest.fixture
def files(tmp_path):
    """JPEGs, grey ones and turned ones among them, and other formats."""
    return [
        save(tmp_path / "a.jpg", photograph(300, 400)),
        save(tmp_path / "b.png", photograph(200, 300)),
        save(tmp_path / "c.jpg", photograph(90, 80)),
        save(tmp_path / "grey.jpg", photograph(120, 80).convert("L")),
        save(tmp_path / "cmyk.jpg", photograph(120, 80).convert("CMYK")),
        oriented(tmp_path / "turned.jpg", 6),
    ]


def load(files, decode, meta_keys=META, crop=True):
    """What the workers hand over, with the same random numbers in both ways."""
    import mmpretrain.datasets  # noqa: F401  registers PackInputs

    init_default_scope("mmpretrain")
    steps = [{"type": "cnxv2_mm.LoadImage", "decode": decode}, {"type": "cnxv2_mm.RandomResizedCrop", "scale": 64}]
    steps = [*steps[: 1 + crop], {"type": "PackInputs", "meta_keys": meta_keys}]
    torch.manual_seed(7)
    pipeline = Compose([TRANSFORMS.build(step) for step in steps])
    return [pipeline({"img_path": str(path)}) for path in files]


def test_the_numbers_are_those_of_the_usual_way(files, device):
    usual, deferred = load(files, decode=True), load(files, decode=False)
    assert [packed["inputs"].ndim for packed in deferred] == [1, 3, 1, 1, 3, 3]
    preprocessor = ImagePreprocessor(MEAN, STD).to(device)
    torch.manual_seed(1)
    expected = preprocessor(default_collate(usual), True)
    torch.manual_seed(1)
    found = preprocessor(pseudo_collate(deferred), True)
    assert found["inputs"].device.type == device
    if device == "cpu":
        assert torch.equal(found["inputs"], expected["inputs"])
    else:  # nvJPEG rounds otherwise
        assert (found["inputs"] - expected["inputs"]).abs().mean() < 0.02
    assert [sample.img_path for sample in found["data_samples"]] == [str(path) for path in files]


def test_without_a_crop_an_image_stays_whole(files):
    (packed,) = load(files[:1], decode=False, crop=False)
    (image,) = finish_on_device([packed["inputs"]], [packed["data_samples"]], "cpu")
    assert image.shape == (3, 300, 400)
    (image,) = finish_on_device([packed["inputs"]], [], "cpu")
    assert image.shape == (3, 300, 400)


def test_a_crop_that_does_not_arrive_is_asked_for(files):
    batch = pseudo_collate(load(files[:1], decode=False, meta_keys=("img_path", "img_shape")))
    with pytest.raises(ValueError, match=r"\(300, 400\) pixels should be one of \(64, 64\).*meta_keys"):
        ImagePreprocessor(MEAN, STD)(batch)


def test_a_damaged_jpeg_is_named(files):
    packed = load([files[0], files[2]], decode=False)
    packed[1]["inputs"] = packed[1]["inputs"][:500]
    with pytest.raises(ValueError, match=r"c\.jpg cannot be decoded: ") as raised:
        ImagePreprocessor(MEAN, STD)(pseudo_collate(packed))
    assert "\n" not in str(raised.value)
    nameless = [BaseDataElement(), BaseDataElement()]
    with pytest.raises(ValueError, match=r"image 1 of the batch cannot be decoded"):
        finish_on_device([each["inputs"] for each in packed], nameless, "cpu")

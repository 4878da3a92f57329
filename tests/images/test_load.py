"""The transform reads what ``read_image`` reads, inside a pipeline of mmpretrain."""

import pytest
import torch
from mmengine.dataset import Compose
from mmengine.registry import init_default_scope
from mmpretrain.registry import TRANSFORMS
from PIL import Image

from cnxv2_mm import LoadImage
from cnxv2_mm.images import read_image
from tests.images.files import oriented, photograph, save


def test_mmpretrain_packs_what_it_loads(tmp_path):
    import mmpretrain.datasets  # noqa: F401  registers PackInputs

    path = save(tmp_path / "a.jpg")
    init_default_scope("mmpretrain")
    pipeline = Compose([TRANSFORMS.build(step) for step in ({"type": "cnxv2_mm.LoadImage"}, {"type": "PackInputs"})])
    packed = pipeline({"img_path": str(path), "gt_label": 3})
    assert torch.equal(packed["inputs"], read_image(path))
    sample = packed["data_samples"]
    assert (sample.img_path, sample.ori_shape, sample.img_shape) == (str(path), (60, 80), (60, 80))
    assert sample.gt_label.item() == 3


def test_channels(tmp_path):
    grey = save(tmp_path / "a.png", photograph().convert("L"))
    for channels, expected in ((3, 3), (1, 1), (None, 1)):
        assert LoadImage(channels)({"img_path": grey})["img"].shape == (expected, 60, 80)
    with pytest.raises(ValueError, match=r"a\.png has 1 channels, but 4 are wanted"):
        LoadImage(4)({"img_path": grey})


def test_an_undecoded_jpeg_is_the_file_and_its_size(tmp_path):
    for mode in ("RGB", "L"):
        path = save(tmp_path / "a.jpg", photograph().convert(mode))
        results = LoadImage(decode=False)({"img_path": str(path)})
        assert bytes(results["img"].tolist()) == path.read_bytes()
        assert results["img_shape"] == results["ori_shape"] == (60, 80)


def test_what_the_device_cannot_decode_as_well_is_decoded_here(tmp_path):
    cmyk = save(tmp_path / "cmyk.jpg", photograph().convert("CMYK"))
    turned = oriented(tmp_path / "turned.jpg", 6)
    png = save(tmp_path / "a.png")
    for path in (cmyk, turned, png):
        assert torch.equal(LoadImage(decode=False)({"img_path": path})["img"], read_image(path, 3))
    with Image.open(turned) as picture:
        assert picture.size == (80, 60)
    assert read_image(turned).shape == (3, 80, 60)


@pytest.mark.parametrize("content", [b"", b"text", b"\xff\xd8\xff\xe0 and no more"])
def test_damaged_files_are_named(tmp_path, content):
    (tmp_path / "a.jpg").write_bytes(content)
    for decode in (True, False):
        with pytest.raises(ValueError, match=r"a\.jpg cannot be read as an image"):
            LoadImage(decode=decode)({"img_path": tmp_path / "a.jpg"})


def test_arguments_outside_their_range_are_refused():
    for arguments in ({"channels": 0}, {"channels": "3"}, {"decode": 1}, {"channels": 4, "decode": False}):
        with pytest.raises(ValueError, match="must be"):
            LoadImage(**arguments)

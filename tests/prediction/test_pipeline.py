"""An image is read as the config's tests read it, whatever its kind, and its picture is its colours."""

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from PIL import Image
from skimage import data

from cnxv2_mm.prediction.pipeline import ImagePipeline

PACK = {"type": "PackInputs"}
CAT = data.chelsea()[:60, :80]


def pipeline(*steps, scope="mmpretrain"):
    init_default_scope(scope)
    return ImagePipeline(Config({"test_dataloader": {"dataset": {"pipeline": list(steps)}}}))


@pytest.mark.parametrize("ending", ["png", "tif", "bmp", "webp", "gif", "jpg"])
def test_colours(tmp_path, ending):
    """Oracle: what Pillow decodes; a decoder of JPEG may round otherwise."""
    file = tmp_path / f"cat.{ending}"
    Image.fromarray(CAT).save(file, **({"lossless": True} if ending == "webp" else {}))
    own = pipeline({"type": "LoadImageFromFile"}, PACK)
    image = own.load(file)
    with Image.open(file) as picture:
        expected = np.asarray(picture.convert("RGB"))
    assert np.abs(own.picture(image).astype(int) - expected).max() <= (4 if ending == "jpg" else 0)
    packed = own.prepare(image, file)
    assert packed["inputs"].shape == (3, 60, 80)
    assert torch.equal(packed["inputs"].flip(0).permute(1, 2, 0), torch.from_numpy(own.picture(image)))  # BGR


def test_what_opencv_cannot_read_is_read_by_us(tmp_path):
    """A TGA: the same picture as the PNG of it, in the same order of channels."""
    own = pipeline({"type": "LoadImageFromFile", "to_float32": True}, PACK)
    for ending in ("tga", "png"):
        Image.fromarray(CAT).save(tmp_path / f"cat.{ending}")
    image = own.load(tmp_path / "cat.tga")
    assert image.dtype == np.float32
    assert np.array_equal(image, own.load(tmp_path / "cat.png"))
    assert np.array_equal(own.picture(image), CAT)


def test_grey_and_many_channels(tmp_path):
    import tifffile

    Image.fromarray(CAT[..., 0]).save(tmp_path / "grey.png")
    own = pipeline({"type": "LoadImageFromFile", "color_type": "grayscale"}, PACK)
    image = own.load(tmp_path / "grey.png")
    assert np.array_equal(own.picture(image), CAT[..., :1].repeat(3, axis=2))
    assert own.prepare(image, tmp_path / "grey.png")["inputs"].shape == (1, 60, 80)

    bands = np.random.default_rng(0).integers(1000, 9000, (40, 50, 5)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "bands.tif", bands)
    own = pipeline({"type": "LoadImageFromFile", "imdecode_backend": "tifffile", "to_float32": True}, PACK)
    image = own.load(tmp_path / "bands.tif")
    assert np.array_equal(image, bands)
    shown = bands[..., :3].astype(float)
    shown = (shown - shown.min()) / (shown.max() - shown.min()) * 255
    assert np.abs(own.picture(image) - shown).max() < 0.51


def test_steps_that_load_labels_are_left_out(tmp_path):
    Image.fromarray(CAT).save(tmp_path / "cat.png")
    own = pipeline(
        {"type": "LoadImageFromFile"},
        {"type": "Resize", "scale": (160, 120)},
        {"type": "LoadAnnotations", "with_bbox": True},
        {"type": "PackDetInputs"},
        scope="mmdet",
    )
    packed = own.prepare(own.load(tmp_path / "cat.png"), tmp_path / "cat.png")
    assert packed["inputs"].shape == (3, 120, 160)
    assert packed["data_samples"].ori_shape == (60, 80)
    assert packed["data_samples"].scale_factor == (2.0, 2.0)


def test_a_part_of_an_image(tmp_path):
    Image.fromarray(CAT).save(tmp_path / "cat.png")
    own = pipeline({"type": "LoadImageFromFile"}, PACK)
    part = own.crop(own.load(tmp_path / "cat.png"), (10, 20, 50, 45))
    assert own.size(part) == (25, 40)
    assert np.array_equal(own.picture(part), CAT[20:45, 10:50])


def test_damaged_and_missing_files(tmp_path):
    own = pipeline({"type": "LoadImageFromFile"}, PACK)
    (tmp_path / "text.jpg").write_text("not an image")
    with pytest.raises(ValueError, match=r"text\.jpg cannot be read as an image"):
        own.load(tmp_path / "text.jpg")
    with pytest.raises(FileNotFoundError):
        own.load(tmp_path / "absent.jpg")


def test_a_dataset_inside_of_others():
    init_default_scope("mmpretrain")
    inner = {"pipeline": [{"type": "LoadImageFromFile"}, PACK]}
    for dataset in ({"dataset": inner}, {"datasets": [inner, {}]}, {"dataset": {"datasets": [inner]}}):
        ImagePipeline(Config({"test_dataloader": {"dataset": dataset}}))


def test_configs_without_a_pipeline():
    with pytest.raises(ValueError, match="begins with Resize, not with loading an image"):
        pipeline({"type": "Resize", "scale": 3})
    with pytest.raises(ValueError, match="no test_dataloader"):
        ImagePipeline(Config({"model": {}}))


def test_images_as_tensors(tmp_path):
    """Our own loading step gives (C, H, W) in the order RGB."""
    Image.fromarray(CAT).save(tmp_path / "cat.png")
    own = pipeline({"type": "cnxv2_mm.LoadImage"}, PACK)
    image = own.load(tmp_path / "cat.png")
    assert np.array_equal(own.picture(image), CAT)
    assert own.size(image) == (60, 80)
    assert np.array_equal(own.picture(own.crop(image, (10, 20, 50, 45))), CAT[20:45, 10:50])
    packed = own.prepare(image, tmp_path / "cat.png")
    assert torch.equal(packed["inputs"], torch.from_numpy(CAT.copy()).permute(2, 0, 1))
    (tmp_path / "text.jpg").write_text("not an image")
    with pytest.raises(ValueError, match=r"text\.jpg cannot be read as an image"):
        own.load(tmp_path / "text.jpg")

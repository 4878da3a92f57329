"""Pictures become what the data preprocessor of each library makes of them in a test, to the last bit."""

from typing import Any

import numpy as np
import pytest
import torch
from mmdet.models.data_preprocessors import DetDataPreprocessor, MultiBranchDataPreprocessor
from mmpretrain.models.utils import ClsDataPreprocessor
from mmseg.models import SegDataPreProcessor
from mmseg.structures import SegDataSample
from skimage import data
from torch import Tensor

from cnxv2_mm import ImagePreprocessor
from cnxv2_mm.export.picture import Picture

MEAN, STD = [123.675, 116.28, 103.53], [58.395, 57.12, 57.375]


def photograph(channels: int = 3, dtype: type = np.uint8) -> Tensor:
    """Return two pictures, (2, 53, 67, channels): RGB, its first channel, or more made of them."""
    image = data.astronaut()[:106, :67].reshape(2, 53, 67, 3)
    if channels == 1:
        image = image[..., :1]
    if channels == 5:
        image = np.concatenate([image, image[..., 1:] // 2], axis=-1)
    scale = {np.uint8: 1, np.uint16: 257, np.float32: 1 / 255}[dtype]
    return torch.from_numpy((image.astype(np.float32) * scale).astype(dtype))


def as_mmcv_reads(picture: Tensor) -> Tensor:
    """Return (N, C, height, width); mmcv reads colours as BGR."""
    images = np.ascontiguousarray(picture.numpy().transpose(0, 3, 1, 2))
    return torch.from_numpy(images[:, ::-1].copy() if images.shape[1] == 3 else images)


def by_library(preprocessor: Any, inputs: Tensor) -> Tensor:
    """Return what a data preprocessor makes of images in a test."""
    samples = [SegDataSample() for _ in inputs] if isinstance(preprocessor, SegDataPreProcessor) else None
    batch: dict[str, Any] = {"inputs": list(inputs), "data_samples": samples}
    return preprocessor(batch, training=False)["inputs"]


def check(preprocessor: Any, picture: Tensor, **options: Any) -> Tensor:
    """Compare with the preprocessor, and return the images."""
    layer = Picture(preprocessor, channels=picture.shape[-1], **{"reads_rgb": False, **options})
    inputs = layer.as_read(picture)
    read = as_mmcv_reads(picture)
    if layer.reads_rgb and picture.shape[-1] == 3:
        read = torch.from_numpy(read.numpy()[:, ::-1].copy())
    assert inputs.dtype == read.dtype
    assert np.array_equal(inputs.numpy(), read.numpy())
    images = layer(picture)
    assert images.dtype == torch.float32
    assert torch.equal(images, by_library(preprocessor, read))
    return images


@pytest.mark.parametrize("reads_rgb", [False, True])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("kind", [DetDataPreprocessor, SegDataPreProcessor])
def test_mmdet_and_mmseg(kind: type, reverse: bool, reads_rgb: bool) -> None:
    preprocessor = kind(mean=MEAN, std=STD, bgr_to_rgb=reverse)
    images = check(preprocessor, photograph(), reads_rgb=reads_rgb)
    assert images.shape == (2, 3, 53, 67)
    assert Picture(preprocessor, reads_rgb=reads_rgb).flips is (reverse == reads_rgb)


@pytest.mark.parametrize("reads_rgb", [False, True])
@pytest.mark.parametrize("to_rgb", [False, True])
def test_mmpretrain(to_rgb: bool, reads_rgb: bool) -> None:
    check(ClsDataPreprocessor(mean=MEAN, std=STD, to_rgb=to_rgb), photograph(), reads_rgb=reads_rgb)


@pytest.mark.parametrize("channels", [1, 3, 5])
def test_ours(channels: int) -> None:
    mean, std = (MEAN + MEAN[:2])[:channels], (STD + STD[:2])[:channels]
    check(ImagePreprocessor(mean, std), photograph(channels), reads_rgb=True)


def test_a_grey_picture_for_a_network_of_three_channels() -> None:
    assert check(ImagePreprocessor(MEAN, STD), photograph(1), reads_rgb=True).shape[1] == 3


@pytest.mark.parametrize("channels", [1, 5])
@pytest.mark.parametrize("kind", [DetDataPreprocessor, SegDataPreProcessor, ClsDataPreprocessor])
def test_other_numbers_of_channels(kind: type, channels: int) -> None:
    check(kind(mean=[100.0], std=[50.0]), photograph(channels))
    check(kind(), photograph(channels))
    check(ClsDataPreprocessor(mean=[90.0] * channels, std=[60.0] * channels, to_rgb=True), photograph(channels))
    check(SegDataPreProcessor(mean=[100.0], std=[50.0], bgr_to_rgb=True), photograph(channels))


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
@pytest.mark.parametrize("channels", [1, 3, 5])
def test_other_types(channels: int, dtype: type) -> None:
    check(ImagePreprocessor([0.4] * channels, [0.2] * channels), photograph(channels, dtype), reads_rgb=True)
    check(ClsDataPreprocessor(mean=[90.0] * channels, std=[60.0] * channels), photograph(channels, dtype))


@pytest.mark.parametrize("divisor", [1, 32])
@pytest.mark.parametrize("value", [0, 7])
def test_filled_up_as_the_library_does(divisor: int, value: int) -> None:
    check(DetDataPreprocessor(mean=MEAN, std=STD, pad_size_divisor=divisor, pad_value=value), photograph())
    check(ClsDataPreprocessor(mean=MEAN, std=STD, pad_size_divisor=divisor, pad_value=value), photograph())
    # mmseg fills up in a training by its size_divisor, in a test by its test_cfg.
    check(SegDataPreProcessor(mean=MEAN, std=STD, size_divisor=divisor, pad_val=value), photograph())
    test = {"size_divisor": divisor}
    check(SegDataPreProcessor(mean=MEAN, std=STD, size=(96, 96), pad_val=value, test_cfg=test), photograph())


@pytest.mark.parametrize("size", [(64, 96), (40, 80), (32, 32)])
def test_mmseg_fills_up_to_a_size(size: tuple[int, int]) -> None:
    images = check(SegDataPreProcessor(mean=MEAN, std=STD, test_cfg={"size": size}), photograph())
    assert images.shape[-2:] == (max(size[0], 53), max(size[1], 67))


def test_pictures_are_filled_up_as_the_preprocessor_says() -> None:
    assert Picture(DetDataPreprocessor(), reads_rgb=False)(photograph()).shape == (2, 3, 53, 67)
    own = DetDataPreprocessor(pad_size_divisor=24)
    assert Picture(own, reads_rgb=False)(photograph()).shape == (2, 3, 72, 72)


def test_refused() -> None:
    other = MultiBranchDataPreprocessor({"type": "mmdet.DetDataPreprocessor"})
    with pytest.raises(ValueError, match="MultiBranchDataPreprocessor cannot be exported; known are Img"):
        Picture(other, reads_rgb=False)
    # mmdet takes the channels 2, 1, 0 of any image.
    reversing = DetDataPreprocessor(bgr_to_rgb=True)
    assert by_library(reversing, as_mmcv_reads(photograph(5))).shape[1] == 3
    with pytest.raises(ValueError, match="reverses the colours of pictures of 5 channels"):
        Picture(reversing, reads_rgb=False, channels=5)
    with pytest.raises(ValueError, match="mean of ClsDataPreprocessor has 3 numbers for pictures of 5 channels"):
        Picture(ClsDataPreprocessor(mean=MEAN, std=STD), reads_rgb=False, channels=5)

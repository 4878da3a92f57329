"""Random crops: torchvision's random numbers, mmpretrain's distribution, Pillow's pixels."""

import numpy as np
import pytest
import torch
import torchvision
from mmpretrain.datasets.transforms import RandomResizedCrop as MMPretrainCrop
from PIL import Image
from scipy.stats import ks_2samp
from skimage import data
from torchvision.transforms import InterpolationMode

from cnxv2_mm import RandomResizedCrop
from cnxv2_mm.images.crop import crop_and_resize

SIZES = [(375, 500), (500, 375), (100, 900), (7, 5), (1, 1)]  # one too wide for most ratios: the central part


def crops(size: tuple[int, int], number: int, **options) -> torch.Tensor:
    """(number, 4): top, left, height, width of what is drawn for images of a size."""
    transform = RandomResizedCrop(8, **options)
    image = torch.zeros(1, *size, dtype=torch.uint8)
    drawn = [transform({"img": image, "img_shape": size})["crop"] for _ in range(number)]
    assert {crop[4:] for crop in drawn} == {(8, 8)}
    return torch.tensor([crop[:4] for crop in drawn])


@pytest.mark.parametrize("size", SIZES)
def test_the_random_numbers_are_torchvisions(size):
    official = torchvision.transforms.RandomResizedCrop(8, scale=(0.2, 1.0))
    torch.manual_seed(5)
    expected = [official.get_params(torch.zeros(1, *size), official.scale, official.ratio) for _ in range(50)]
    torch.manual_seed(5)
    assert crops(size, 50).tolist() == [list(crop) for crop in expected]


@pytest.mark.parametrize("size", [(375, 500), (100, 180)])
def test_the_distribution_is_mmpretrains(size):
    """Kolmogorov-Smirnov on 3000 draws each: of place, sides, area and ratio."""
    np.random.seed(0)  # noqa: NPY002  the generator that mmpretrain draws from
    theirs = MMPretrainCrop(8, crop_ratio_range=(0.2, 1.0))
    image = np.zeros((*size, 1), np.uint8)
    expected = torch.tensor([theirs.rand_crop_params.__wrapped__(theirs, image) for _ in range(3000)])
    found = crops(size, 3000)

    def statistics(drawn):
        top, left, height, width = drawn.double().T
        return [top, left, height, width, height * width, width / height]

    for ours, other in zip(statistics(found), statistics(expected), strict=True):
        assert ks_2samp(ours.numpy(), other.numpy()).pvalue > 1e-3


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("last", [False, True], ids=["planes", "pixels"])
@pytest.mark.parametrize("crop", [(0, 0, 300, 451), (10, 20, 250, 190), (100, 50, 60, 40), (3, 3, 1, 1)])
def test_the_pixels_are_pillows(channels, last, crop):
    """Where the official code resizes: of 255 at most 1 away, and that in few pixels."""
    picture = Image.fromarray(data.chelsea()) if channels == 3 else Image.fromarray(data.chelsea()[..., 0])
    top, left, height, width = crop
    cut = picture.crop((left, top, left + width, top + height))
    array = np.asarray(cut.resize((96, 64), Image.Resampling.BICUBIC)).reshape(64, 96, channels)
    expected = torch.from_numpy(array.copy()).permute(2, 0, 1)
    image = torch.from_numpy(np.asarray(picture).reshape(300, 451, channels).copy()).permute(2, 0, 1)
    found = crop_and_resize(image if last else image.contiguous(), (*crop, 64, 96))
    assert found.dtype == torch.uint8
    assert found.is_contiguous()
    difference = (found.int() - expected.int()).abs()
    assert difference.max() <= 1
    assert difference.float().mean() < 0.02


def test_the_whole_transform_is_torchvisions():
    image = torch.from_numpy(data.chelsea().copy()).permute(2, 0, 1)
    official = torchvision.transforms.RandomResizedCrop(
        (64, 96), scale=(0.2, 1.0), interpolation=InterpolationMode.BICUBIC, antialias=True
    )
    for seed in range(5):
        torch.manual_seed(seed)
        expected = official(Image.fromarray(data.chelsea()))
        torch.manual_seed(seed)
        results = RandomResizedCrop((64, 96))({"img": image, "img_shape": (300, 451)})
        assert results["img_shape"] == (64, 96)
        difference = results["img"].int() - torch.from_numpy(np.array(expected)).permute(2, 0, 1).int()
        assert difference.abs().max() <= 1


@pytest.mark.parametrize("channels", [1, 3, 8])
def test_float_images_of_any_number_of_channels(channels):
    image = torch.from_numpy(data.chelsea()[:90, :70].copy()).permute(2, 0, 1).float().repeat(3, 1, 1)[:channels] * 257
    found = crop_and_resize(image, (5, 6, 50, 40, 20, 30))
    assert found.dtype == torch.float32
    for plane, expected in zip(found, image, strict=True):
        cut = Image.fromarray(expected.numpy()[5:55, 6:46])  # Pillow's 32-bit pixels
        resized = np.asarray(cut.resize((30, 20), Image.Resampling.BICUBIC))
        np.testing.assert_allclose(plane.numpy(), resized, rtol=1e-4, atol=0.5)


def test_what_is_not_decoded_is_left_as_it_is():
    undecoded = torch.arange(10, dtype=torch.uint8)
    torch.manual_seed(3)
    results = RandomResizedCrop(8)({"img": undecoded, "img_shape": (375, 500)})
    torch.manual_seed(3)
    assert list(results["crop"][:4]) == crops((375, 500), 1)[0].tolist()
    assert results["img"] is undecoded
    assert results["img_shape"] == (8, 8)


@pytest.mark.parametrize(
    "arguments",
    [
        {"scale": 0},
        {"scale": (8, 8, 8)},
        {"scale": 8.5},
        {"scale": 8, "crop_ratio_range": (0.5, 0.2)},
        {"scale": 8, "crop_ratio_range": (0.2, 1.5)},
        {"scale": 8, "crop_ratio_range": (0.0, 1.0)},
        {"scale": 8, "aspect_ratio_range": (2.0, 1.0)},
    ],
)
def test_arguments_outside_their_range_are_refused(arguments):
    with pytest.raises(ValueError, match="must be"):
        RandomResizedCrop(**arguments)

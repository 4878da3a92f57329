"""Statistics of channels, against numpy's over all pixels."""

import numpy as np
import torch

from cnxv2_mm.images.channel_statistics import channel_statistics, moments_of
from tests.conftest import photographs


def test_they_are_numpys_over_all_pixels():
    images = photographs(5, channels=4, size=(60, 70))
    mean, std = channel_statistics([moments_of(image) for image in images], 4)
    np.testing.assert_allclose(mean, images.double().numpy().mean(axis=(0, 2, 3)))
    np.testing.assert_allclose(std, images.double().numpy().std(axis=(0, 2, 3)))


def test_each_image_counts_the_same_whatever_its_size():
    small, large = torch.zeros(1, 40, 40), torch.full((1, 400, 900), 4.0)
    mean, std = channel_statistics([moments_of(small), moments_of(large)], 1)
    assert (mean, std) == ((2.0,), (2.0,))


def test_large_images_are_sampled_closely():
    image = photographs(1, size=(1000, 1400))
    mean, std = channel_statistics([moments_of(image[0])], 3)
    np.testing.assert_allclose(mean, image[0].double().mean(dim=(1, 2)), atol=0.01)
    np.testing.assert_allclose(std, image[0].double().std(dim=(1, 2)), rtol=0.01)


def test_grey_counts_for_every_channel():
    grey, colour = torch.full((1, 32, 32), 6.0), torch.arange(3.0).reshape(3, 1, 1).expand(3, 32, 32)
    mean, _ = channel_statistics([moments_of(grey), moments_of(colour)], 3)
    assert mean == (3.0, 3.5, 4.0)


def test_a_channel_without_contrast_can_be_divided_by():
    _, std = channel_statistics([moments_of(torch.full((2, 32, 32), 7.3))], 2)
    assert std == (1.0, 1.0)

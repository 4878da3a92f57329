"""Masks as partitions, patches against loops."""

import pytest
import torch

from cnxv2_mm.masking import (
    count_visible,
    enlarge,
    patch_grid,
    patch_statistics,
    patchify,
    random_visible,
    split_patches,
    take_patches,
    unpatchify,
)


@pytest.mark.parametrize(("patches", "ratio", "visible"), [(49, 0.6, 19), (49, 0.9, 4), (25, 0.6, 10), (4, 0.5, 2)])
def test_the_number_of_visible_patches(patches, ratio, visible):
    """Oracle: int(L * (1 - ratio)) of facebookresearch/ConvNeXt-V2 @ 2553895; the paper's case is 19 of 49."""
    assert count_visible(patches, ratio) == visible


@pytest.mark.parametrize(("patches", "ratio"), [(49, 0.0), (49, 1.0), (49, 0.99), (1, 0.5), (49, -1), (49, 1.5)])
def test_a_ratio_that_hides_all_or_nothing_is_refused(patches, ratio):
    with pytest.raises(
        ValueError, match=rf"mask_ratio={ratio} must leave at least one of an image's {patches} patches"
    ):
        count_visible(patches, ratio)


def test_the_suggested_range_of_ratios_is_accepted():
    assert count_visible(49, 1 / 49) == 48
    assert count_visible(49, 0.97) == 1


def test_random_visible_marks_k_patches_of_each_image():
    visible = random_visible(50, (5, 3), 6)
    assert visible.shape == (50, 5, 3)
    assert visible.dtype == torch.bool
    assert (visible.sum(dim=(1, 2)) == 6).all()
    assert len({tuple(v.flatten().tolist()) for v in visible}) > 40, "images share their masks"


def test_random_visible_favours_no_patch():
    """Each patch is visible with probability K / L = 1/3: five standard deviations of 3000 draws are 0.043."""
    share = random_visible(3000, (3, 3), 3).float().mean(dim=0)
    torch.testing.assert_close(share, torch.full((3, 3), 1 / 3), atol=0.043, rtol=0)


def test_random_visible_repeats_with_its_generator():
    first, second = (random_visible(4, (4, 4), 6, torch.Generator().manual_seed(7)) for _ in range(2))
    assert torch.equal(first, second)


def test_visible_and_hidden_positions_partition_the_patches():
    visible = random_visible(6, (4, 5), 8)
    seen, hidden = split_patches(visible, 8)
    assert seen.shape == (6, 8)
    assert hidden.shape == (6, 12)
    for i in range(6):
        assert seen[i].tolist() == visible[i].flatten().nonzero().flatten().tolist()
        assert sorted(seen[i].tolist() + hidden[i].tolist()) == list(range(20))
        assert hidden[i].tolist() == sorted(hidden[i].tolist())


def test_patches_that_are_taken_are_those_of_all():
    images = torch.randn(3, 2, 6, 8)
    index = torch.stack([torch.randperm(12)[:5] for _ in images])
    expected = torch.stack([patches[i] for patches, i in zip(patchify(images, 2), index, strict=True)])
    assert torch.equal(take_patches(images, index, 2), expected)


def test_patchify_cuts_as_a_double_loop_does():
    images = torch.randn(2, 5, 6, 4)
    patches = patchify(images, 2)
    position = 0
    for top in range(0, 6, 2):
        for left in range(0, 4, 2):
            expected = images[:, :, top : top + 2, left : left + 2].permute(0, 2, 3, 1).flatten(1)
            assert torch.equal(patches[:, position], expected)
            position += 1


def test_unpatchify_is_the_inverse():
    images = torch.randn(2, 3, 8, 12)
    assert torch.equal(unpatchify(patchify(images, 4), (2, 3), 4), images)


def test_enlarge_repeats_entries():
    """Oracle: the Kronecker product with a block of ones."""
    visible = random_visible(2, (3, 2), 3)
    expected = torch.stack([torch.kron(v.int(), torch.ones(4, 4, dtype=torch.int)).bool() for v in visible])
    assert torch.equal(enlarge(visible, 4), expected)


def test_patch_statistics_are_those_of_the_official_target():
    """Oracle: mean and sqrt(var + 1e-6) with the unbiased variance, models/fcmae.py @ 2553895."""
    patches = torch.tensor([[[1.0, 2.0, 6.0], [4.0, 4.0, 4.0]]])
    mean, deviation = patch_statistics(patches)
    torch.testing.assert_close(mean, torch.tensor([[[3.0], [4.0]]]))
    torch.testing.assert_close(deviation, torch.tensor([[[(7 + 1e-6) ** 0.5], [1e-3]]]))


@pytest.mark.parametrize("size", [(33, 64), (64, 31), (0, 32)])
def test_an_image_that_is_no_whole_number_of_patches_is_refused(size):
    with pytest.raises(ValueError, match=f"{size[0]} x {size[1]} pixels is not a whole number of patches of 32 x 32"):
        patch_grid(*size, 32)

"""Which patches the encoder may see, and images as sequences of patches.

One boolean and one polarity: ``visible`` is True where the encoder may look.

Shape letters: N images, h x w patches of p x p pixels, L = h * w, K visible ones, C channels.

Sources: the masking of MAE and the pixel order and target of facebookresearch/ConvNeXt-V2 @ 2553895
(models/fcmae.py), for any number of channels and rectangular images.
"""

import torch
from torch import Tensor

from cnxv2_mm.variants import LAST_STRIDE


def count_visible(num_patches: int, mask_ratio: float) -> int:
    """Return the number of visible patches of an image, ``int(num_patches * (1 - mask_ratio))``.

    For example, 19 of 49 at 224 pixels and ratio 0.6.

    Args:
        num_patches: Number of patches of the image, L.
        mask_ratio: The share of the patches that are hidden.

    Raises:
        ValueError: The ratio leaves no patch visible or none hidden.
    """
    visible = int(num_patches * (1 - mask_ratio)) if 0 < mask_ratio < 1 else 0
    if not 0 < visible < num_patches:
        low, high = 1 / num_patches, 1 - 1 / num_patches
        fix = f"choose one in [{low:.3g}, {high:.3g}]" if num_patches > 1 else "use larger images"
        raise ValueError(
            f"mask_ratio={mask_ratio} must leave at least one of an image's {num_patches} patches visible and "
            f"one hidden; {fix}"
        )
    return visible


def patch_grid(height: int, width: int, patch_size: int) -> tuple[int, int]:
    """Return the number of patches down and across an image.

    Args:
        height: Rows of the image, in pixels.
        width: Columns of the image, in pixels.
        patch_size: The side of a patch, in pixels.

    Raises:
        ValueError: The image is not a whole number of patches.
    """
    if height % patch_size or width % patch_size or not height or not width:
        raise ValueError(
            f"an image of {height} x {width} pixels is not a whole number of patches of {patch_size} x {patch_size}; "
            f"resize or crop it to multiples of {patch_size}"
        )
    return height // patch_size, width // patch_size


def find_patch_size(images: Tensor, visible: Tensor) -> int:
    """Return the pixels along the side of the patches of (N, C, height, width) images that ``visible`` marks.

    Raises:
        ValueError: ``visible`` is not (N, h, w) booleans, there are no images, or patches would not be squares with a
            side that is a multiple of the backbone's stride.
    """
    n, _, height, width = images.shape
    if visible.ndim != 3 or visible.shape[0] != n or visible.dtype != torch.bool:
        raise ValueError(
            f"visible of shape {tuple(visible.shape)} and type {visible.dtype} must be ({n}, h, w) booleans, "
            "one for each patch of each image"
        )
    if not n:
        raise ValueError("a batch of 0 images has no visible patches; leave it out")
    h, w = visible.shape[1:]
    patch_size = height // h if h else 0
    if not patch_size or patch_size % LAST_STRIDE or (h * patch_size, w * patch_size) != (height, width):
        raise ValueError(
            f"visible marks {h} x {w} patches in images of {height} x {width} pixels; "
            f"patches must be square, with a side that is a multiple of {LAST_STRIDE} pixels"
        )
    return patch_size


def random_visible(
    num_images: int,
    grid: tuple[int, int],
    num_visible: int,
    generator: torch.Generator | None = None,
    device: torch.device | str | None = None,
) -> Tensor:
    """Draw the visible patches of each image independently; all sets of K patches are equally likely.

    Args:
        num_images: Number of images, N.
        grid: Number of patches down and across each image, (h, w).
        num_visible: Number of visible patches, K, the same for each image.
        generator: The source of randomness, on ``device``; None is PyTorch's default one.
        device: The device of the result.

    Returns:
        The visible patches: (N, h, w) booleans, K of them True in each image.
    """
    noise = torch.rand(num_images, grid[0] * grid[1], generator=generator, device=device)
    chosen = noise.argsort(dim=1)[:, :num_visible]
    visible = torch.zeros_like(noise, dtype=torch.bool).scatter_(1, chosen, True)
    return visible.view(num_images, *grid)


def split_patches(visible: Tensor, num_visible: int) -> tuple[Tensor, Tensor]:
    """Return the positions of visible and of hidden patches, each in reading order.

    No number is read back from the device, so that nothing has to wait for it, and nothing is sorted.

    Args:
        visible: (N, h, w) booleans with K True ones in each image.
        num_visible: Number of visible patches in each image, K.

    Returns:
        The visible positions, (N, K), and the hidden ones, (N, L - K), in ``range(h * w)``.
    """
    seen = visible.flatten(1)
    position = torch.arange(seen.shape[1], device=seen.device).expand(seen.shape)
    rank = seen.cumsum(dim=1)  # how many visible ones there are up to each, itself included
    place = torch.where(seen, rank - 1, rank[:, -1:] + position - rank)  # visible ones first
    order = place.scatter(1, place, position)  # overwrites every number of ``place``
    return order[:, :num_visible], order[:, num_visible:]


def enlarge(visible: Tensor, factor: int) -> Tensor:
    """Repeat each entry of (N, h, w) ``factor`` times down and across: from patches to cells or pixels."""
    return visible.repeat_interleave(factor, dim=1).repeat_interleave(factor, dim=2)


def patchify(images: Tensor, patch_size: int) -> Tensor:
    """Cut (N, C, h * p, w * p) images into (N, L, p * p * C) patches, pixels in reading order, channels innermost."""
    return _tiles(images, patch_size).flatten(3).flatten(1, 2)


def take_patches(images: Tensor, index: Tensor, patch_size: int) -> Tensor:
    """Cut out of each image the patches whose positions in ``range(h * w)`` are in ``index``, (N, M).

    Returns:
        (N, M, p * p * C) patches, as :func:`patchify` gives all of them; the others are not read.
    """
    tiles = _tiles(images, patch_size)
    image = torch.arange(tiles.shape[0], device=images.device).unsqueeze(1)
    return tiles[image, index // tiles.shape[2], index % tiles.shape[2]].flatten(2)


def _tiles(images: Tensor, patch_size: int) -> Tensor:
    """View (N, C, h * p, w * p) images as (N, h, w, p, p, C)."""
    h, w = patch_grid(images.shape[2], images.shape[3], patch_size)
    tiles = images.unflatten(3, (w, patch_size)).unflatten(2, (h, patch_size))  # (N, C, h, p, w, p)
    return tiles.permute(0, 2, 4, 3, 5, 1)


def unpatchify(patches: Tensor, grid: tuple[int, int], patch_size: int) -> Tensor:
    """Join (N, L, p * p * C) patches into (N, C, h * p, w * p) images; the inverse of :func:`patchify`."""
    h, w = grid
    tiles = patches.unflatten(2, (patch_size, patch_size, -1)).unflatten(1, (h, w))  # (N, h, w, p, q, C)
    n, *_, c = tiles.shape
    return tiles.permute(0, 5, 1, 3, 2, 4).reshape(n, c, h * patch_size, w * patch_size)


def patch_statistics(patches: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean of each patch and its standard deviation, ``sqrt(unbiased variance + 1e-6)``, (N, L, 1) each."""
    # On a CPU, ``torch.var_mean`` takes fifteen times as long.
    mean = patches.mean(dim=-1, keepdim=True)
    variance = (patches - mean).square().sum(dim=-1, keepdim=True) / (patches.shape[-1] - 1)
    return mean, (variance + 1e-6).sqrt()

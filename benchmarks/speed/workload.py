"""The same images, masks and weights for every peer."""

import math

import torch
from torch import nn

from benchmarks.speed.peer import Arch, Weights, Workload
from cnxv2_mm import FCMAE, ConvNeXtV2
from cnxv2_mm.masking import count_visible, patch_grid, random_visible

PATCH_SIZE = 32
BENCHMARKS = {
    "pretrain": "the encoder on visible patches, forward and backward",
    "backbone": "four maps of whole images, forward, and forward and backward",
    "step": "a step of FCMAE: encoder, decoder, loss, backward, AdamW",
}


def make_workload(
    benchmark: str,
    arch: Arch,
    batch_size: int,
    size: int,
    mask_ratio: float | None,
    device: torch.device | str,
) -> Workload:
    """Draw a workload; the same arguments give the same one.

    Args:
        benchmark: A key of :data:`BENCHMARKS`.
        arch: As in :class:`cnxv2_mm.ConvNeXtV2`.
        batch_size: Number of images.
        size: Their height and width in pixels.
        mask_ratio: Share of hidden patches; None, and only None, for 'backbone'.
        device: The device for images and masks.

    Raises:
        ValueError: The images are not a whole number of patches, or the ratio hides none or all of them.
    """
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(batch_size, 3, size, size, generator=generator)
    visible = num_visible = None
    if mask_ratio is not None:
        grid = patch_grid(size, size, PATCH_SIZE)
        num_visible = count_visible(grid[0] * grid[1], mask_ratio)
        visible = random_visible(batch_size, grid, num_visible, generator).to(device)
    weights = draw_weights(benchmark, arch, generator)
    return Workload(benchmark, arch, images.to(device), visible, num_visible, mask_ratio, weights)


@torch.no_grad()
def draw_weights(benchmark: str, arch: Arch, generator: torch.Generator) -> Weights:
    """Draw every parameter at random, of a size that keeps signals alive; biases and GRN, zero by default, too."""
    with torch.device("meta"):
        backbone = ConvNeXtV2(arch, out_indices=(0, 1, 2, 3) if benchmark == "backbone" else ())
        model = FCMAE(backbone) if benchmark == "step" else nn.ModuleDict({"backbone": backbone})
    weights = {}
    for name, parameter in model.named_parameters():
        tensor = torch.empty(parameter.shape)
        if tensor.ndim > 1:
            bound = math.sqrt(3 / tensor[0].numel())
            tensor.uniform_(-bound, bound, generator=generator)
        elif "norm" in name and name.endswith("weight"):
            tensor.uniform_(0.5, 1.5, generator=generator)
        else:
            tensor.uniform_(-0.5, 0.5, generator=generator)
        weights[name] = tensor
    return weights

"""Which of ConvNeXt V2's stages take the place of the old maps: those of the same strides."""

from dataclasses import dataclass
from functools import cache

import torch

from cnxv2_mm.backbone import ConvNeXtV2
from cnxv2_mm.swap import dry_run
from cnxv2_mm.swap.old_backbone import NUM_IMAGES, Maps
from cnxv2_mm.swap.refusal import SwapRefused
from cnxv2_mm.variants import LAST_STRIDE, NUM_STAGES, STRIDES, Variant

# The size whose stages tell, whatever size the user chooses, how much of a network leads to a map: that of a ResNet-50.
_USUAL = "tiny"
# Old networks up to so many times as large may be replaced by the first stages: a ResNet-152 without its last stage.
_MOST_TIMES = 4


@dataclass(frozen=True)
class Stages:
    """Settings of the new backbone.

    Attributes:
        out_indices: Stages that it returns, high resolution first.
        output_stride: Stride that no stage exceeds: 32, or 16 or 8 by dilation.
    """

    out_indices: tuple[int, ...]
    output_stride: int

    def maps(self, variant: Variant, pooled: bool, image_size: tuple[int, int]) -> Maps:
        """Return what the new backbone returns; ``pooled``: one vector for each image."""
        shapes = []
        for i in self.out_indices:
            stride = min(STRIDES[i], self.output_stride)
            cells = () if pooled else tuple(size // stride for size in image_size)
            shapes.append((NUM_IMAGES, variant.channels[i], *cells))
        return Maps(tuple(shapes), image_size)


def choose_stages(maps: Maps, from_last_stage: bool) -> Stages:
    """Find the stages whose strides are those of the old maps.

    Args:
        maps: The old ones.
        from_last_stage: The deepest map comes from the last stage even if its stride is below 32: the new one is
            dilated then. So it is, too, if the old one comes from a network of one stride, or of so many parameters
            that ConvNeXt V2's first stages are nothing beside it (:attr:`Maps.sources`).

    Raises:
        SwapRefused: There is no such choice.
    """
    if () in maps.cells:
        if len(maps.cells) > 1:
            raise SwapRefused("other outputs", f"The backbone returns {len(maps.cells)} vectors for each image.")
        return Stages((NUM_STAGES - 1,), LAST_STRIDE)
    strides = [_stride(cells, maps.image_size) for cells in maps.cells]
    deepest = strides[-1]
    repeated = len(set(strides)) < len(strides)
    whole = _takes_the_whole_network(maps, deepest)
    output_stride = deepest if (from_last_stage or repeated or whole) and deepest in STRIDES[1:-1] else LAST_STRIDE
    available = [min(stride, output_stride) for stride in STRIDES]
    chosen: list[int] = []
    last = len(available)
    for stride in reversed(strides):  # the deepest stage of a stride first
        last = next((i for i in reversed(range(last)) if available[i] == stride), -1)
        if last < 0:
            raise SwapRefused(
                "strides",
                f"The old maps have strides {tuple(strides)}; ConvNeXt V2 has one map each of strides "
                f"{', '.join(map(str, STRIDES))}, or several at the last stride if it is dilated to 16 or 8.",
                "choose out_indices of the backbone whose strides the neck and the heads can work with.",
            )
        chosen.insert(0, last)
    if whole and chosen[-1] == 0:
        raise SwapRefused(
            "scales mixed inside",
            f"The old map of stride {deepest} is computed from {in_millions(maps.sources[-1].num_params)} parameters; "
            "ConvNeXt V2's comes from its first stage alone, with "
            f"{in_millions(_num_params(_USUAL, 0))} in size {_USUAL!r}.",
            "start from a config of the same task whose backbone stops at stride 8, 16 or 32, or gives maps of several "
            "strides to a neck or head that mixes them (FPN, UPerNet).",
        )
    return Stages(tuple(chosen), output_stride)


def in_millions(number: int) -> str:
    """Return a number of parameters in words, '28.6 M'."""
    return f"{number / 1e6:.3g} M"


def _takes_the_whole_network(maps: Maps, deepest: int) -> bool:
    """Whether the deepest map is that of a whole network, and not of the first stages of one."""
    if not maps.sources or deepest not in STRIDES[:-1]:
        return False
    source = maps.sources[-1]
    first_stages = _num_params(_USUAL, STRIDES.index(deepest))
    return (source.one_stride and deepest != STRIDES[0]) or source.num_params > _MOST_TIMES * first_stages


@cache
def _num_params(arch: str, last: int) -> int:
    """Parameters of a size as far as a stage."""
    with torch.device("meta"):
        return dry_run.count(ConvNeXtV2(arch, out_indices=(last,)).parameters())


def _stride(cells: tuple[int, ...], image_size: tuple[int, int]) -> int:
    strides = {size / count for size, count in zip(image_size, cells, strict=True)}
    stride = strides.pop()
    if strides or stride != int(stride):
        raise SwapRefused(
            "strides",
            f"The backbone makes {cells[0]} x {cells[1]} cells of {image_size[0]} x {image_size[1]} pixels, which is "
            "no whole stride.",
        )
    return int(stride)

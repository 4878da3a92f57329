"""Finds the stages of ConvNeXt V2 whose maps have the strides of the old maps."""

from dataclasses import dataclass
from functools import cache

import torch

from cnxv2_mm.backbone import ConvNeXtV2
from cnxv2_mm.swap import dry_run
from cnxv2_mm.swap.old_backbone import NUM_IMAGES, Maps
from cnxv2_mm.swap.refusal import SwapRefused
from cnxv2_mm.variants import LAST_STRIDE, STRIDES, Variant

# An old network is compared with this size, which is as large as a ResNet-50, whatever size the user chooses.
_USUAL = "tiny"
# The first stages may replace an old network that has up to this many times their parameters, such as a ResNet-152
# without its last stage.
_MOST_TIMES = 4


@dataclass(frozen=True)
class Stages:
    """Settings of the new backbone.

    Attributes:
        out_indices: Stages whose maps it returns, high resolution first.
        output_stride: The largest stride of a stage: 32, or with dilation 16 or 8.
    """

    out_indices: tuple[int, ...]
    output_stride: int

    def maps(self, variant: Variant, pooled: bool, image_size: tuple[int, int]) -> Maps:
        """Return the maps of the new backbone; if ``pooled``, they are one vector for each image."""
        shapes = []
        for i in self.out_indices:
            stride = min(STRIDES[i], self.output_stride)
            cells = () if pooled else tuple(size // stride for size in image_size)
            shapes.append((NUM_IMAGES, variant.channels[i], *cells))
        return Maps(tuple(shapes), image_size)


def choose_stages(maps: Maps, from_last_stage: bool) -> Stages:
    """Find the stages whose strides are those of the old maps.

    Args:
        maps: The old maps.
        from_last_stage: Whether the deepest map must come from the last stage. If its stride is below 32, the new
            backbone is dilated. The same happens if the old map comes from a network of one stride, or from one with
            over four times the parameters of the first stages of ConvNeXt V2 (:attr:`Maps.sources`).

    Raises:
        SwapRefused: No stages have these strides.
    """
    if () in maps.cells:
        if len(maps.cells) > 1:
            raise SwapRefused(
                "other outputs",
                f"The backbone returns {len(maps.cells)} vectors for each image.",
            )
        return Stages((3,), 32)
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
                "choose other out_indices of the old backbone, if its neck and heads can work with them.",
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
    """Return a number of parameters as text, such as '28.6 M'."""
    return f"{number / 1e6:.3g} M"


def _takes_the_whole_network(maps: Maps, deepest: int) -> bool:
    """Whether the deepest map comes from a whole network and not from the first stages of a network."""
    if not maps.sources or deepest not in STRIDES[:-1]:
        return False
    source = maps.sources[-1]
    first_stages = _num_params(_USUAL, STRIDES.index(deepest))
    return (source.one_stride and deepest != STRIDES[0]) or source.num_params > _MOST_TIMES * first_stages


@cache
def _num_params(arch: str, last: int) -> int:
    """Return the number of parameters of a size up to a stage."""
    with torch.device("meta"):
        return dry_run.count(ConvNeXtV2(arch, out_indices=(last,)).parameters())


def _stride(cells: tuple[int, ...], image_size: tuple[int, int]) -> int:
    strides = {size / count for size, count in zip(image_size, cells, strict=True)}
    stride = strides.pop()
    if strides or stride != int(stride):
        raise SwapRefused(
            "strides",
            f"The backbone makes {cells[0]} x {cells[1]} cells from {image_size[0]} x {image_size[1]} pixels: its "
            "stride is not a whole number, or differs between height and width.",
        )
    return int(stride)

"""Which of ConvNeXt V2's stages take the place of the old maps: those of the same strides."""

from dataclasses import dataclass

from cnxv2_mm.swap.measure import NUM_IMAGES, Maps
from cnxv2_mm.swap.refusal import SwapRefused
from cnxv2_mm.variants import Variant

_STRIDES = (4, 8, 16, 32)


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
        """What the new backbone returns; ``pooled``: one vector for each image."""
        shapes = []
        for i in self.out_indices:
            stride = min(_STRIDES[i], self.output_stride)
            cells = () if pooled else tuple(size // stride for size in image_size)
            shapes.append((NUM_IMAGES, variant.channels[i], *cells))
        return Maps(tuple(shapes), image_size)


def choose_stages(maps: Maps, from_last_stage: bool) -> Stages:
    """Finds the stages whose strides are those of the old maps.

    Args:
        maps: The old ones.
        from_last_stage: The deepest map comes from the last stage even if its stride is below 32: the new one is
            dilated then.

    Raises:
        SwapRefused: There is no such choice.
    """
    if () in maps.cells:
        if len(maps.cells) > 1:
            raise SwapRefused("other outputs", f"The backbone returns {len(maps.cells)} vectors for each image.")
        return Stages((3,), 32)
    strides = [_stride(cells, maps.image_size) for cells in maps.cells]
    deepest = strides[-1]
    repeated = len(set(strides)) < len(strides)
    output_stride = deepest if (from_last_stage or repeated) and deepest in (8, 16) else 32
    available = [min(stride, output_stride) for stride in _STRIDES]
    chosen: list[int] = []
    last = len(available)
    for stride in reversed(strides):  # the deepest stage of a stride first
        last = next((i for i in reversed(range(last)) if available[i] == stride), -1)
        if last < 0:
            raise SwapRefused(
                "strides",
                f"The old maps have strides {tuple(strides)}; ConvNeXt V2 has one map each of strides "
                f"{', '.join(map(str, _STRIDES))}, or several at the last stride if it is dilated to 16 or 8.",
                "choose out_indices of the backbone whose strides the neck and the heads can work with.",
            )
        chosen.insert(0, last)
    return Stages(tuple(chosen), output_stride)


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

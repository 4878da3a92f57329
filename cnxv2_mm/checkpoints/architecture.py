"""Which network a set of tensors, by our names, makes up, and whether all of it is there.

Shape letters: C channels of a stage.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from cnxv2_mm.variants import LAST_STRIDE, NUM_STAGES, VARIANTS

_PIXELS = LAST_STRIDE**2  # that a cell of the last stage covers, and the decoder predicts
_BLOCK = re.compile(r"backbone\.stages\.(\d)\.(\d+)\.")
_LAYER_SCALE = re.compile(r"backbone\.stages\.\d\.\d+\.gamma")
_SHOWN = 5
_LETTERS = 80
# What a network may have or lack, and the names of its tensors.
PARTS = {
    "output norms": re.compile(r"backbone\.norm[0-2]\."),
    "final norm": re.compile(r"backbone\.norm3\."),
    "classifier": re.compile(r"head\.fc\."),
    "decoder": re.compile(r"decoder\."),
}


def part_of(name: str) -> str | None:
    """Return the entry of :data:`PARTS` that a tensor belongs to; None for those that no network may lack."""
    return next((part for part, names in PARTS.items() if names.match(name)), None)


@dataclass(frozen=True)
class Architecture:
    """A network, as its tensors show it.

    Attributes:
        depths: Blocks of each stage that is there.
        channels: Their widths.
        in_channels: Channels of the images.
        use_grn: Whether its blocks have GRN (V2).
        layer_scale: Whether its blocks have a layer scale (V1).
    """

    depths: tuple[int, ...]
    channels: tuple[int, ...]
    in_channels: int
    use_grn: bool
    layer_scale: bool

    def __str__(self) -> str:
        names = [n for n, v in VARIANTS.items() if (v.depths, v.channels) == (self.depths, self.channels)]
        parts = "GRN" if self.use_grn else "no GRN"
        if self.layer_scale:
            parts += ", layer scale"
        return (
            f"{names[0] + ': ' if names else ''}depths {self.depths}, channels {self.channels}, "
            f"{self.in_channels} input channels, {parts}"
        )


def infer(tensors: Mapping[str, Tensor]) -> Architecture:
    """Read the architecture off names and shapes; what is inconsistent is left to :func:`find_problems`."""
    depths = [0] * NUM_STAGES
    channels = [0] * NUM_STAGES
    for name, tensor in tensors.items():
        if match := _BLOCK.match(name):
            stage, block = map(int, match.groups())
            depths[stage] = max(depths[stage], block + 1)
            if name.endswith(("dwconv.weight", "dwconv.bias")) and not channels[stage]:
                channels[stage] = _length(tensor)
    built = max((i + 1 for i in range(NUM_STAGES) if depths[i]), default=0)
    stem = tensors.get("backbone.downsample_layers.0.0.weight")
    return Architecture(
        depths=tuple(max(depth, 1) for depth in depths[:built]),  # a stage without blocks lacks at least one
        channels=tuple(channels[:built]),
        in_channels=stem.shape[1] if stem is not None and stem.ndim == 4 else 3,
        use_grn=any(name.startswith("backbone.") and ".grn." in name for name in tensors),
        layer_scale=any(_LAYER_SCALE.fullmatch(name) for name in tensors),
    )


def find_problems(tensors: Mapping[str, Tensor], architecture: Architecture) -> list[str]:
    """Return what keeps tensors from being the whole of ``architecture``, in words; empty if nothing does.

    A part (:data:`PARTS`) may be absent, but not in halves.
    """
    expected = _backbone_shapes(architecture) | _part_shapes(tensors, architecture)
    missing = [name for name in expected if name not in tensors]
    misfit = [
        f"{name} {tuple(tensors[name].shape)} instead of {shape}"
        for name, shape in expected.items()
        if name in tensors and tensors[name].shape != shape
    ]
    unknown = [name for name in tensors if name not in expected]
    infinite = [name for name, tensor in tensors.items() if not torch.isfinite(tensor).all()]
    return [
        f"{len(names)} {what} ({shorten(names)})"
        for what, names in (
            ("missing", missing),
            ("of another shape", misfit),
            ("that such a network has no place for", unknown),
            ("with NaN or infinite numbers", infinite),
        )
        if names
    ]


def shorten(names: list[str]) -> str:
    """Return the first few names, for messages; of a very long one what it begins with."""
    shown = [name if len(name) <= _LETTERS else f"{name[:_LETTERS]}..." for name in names[:_SHOWN]]
    return "; ".join(shown) + ("; ..." if len(names) > _SHOWN else "")


def _backbone_shapes(architecture: Architecture) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {}
    before = architecture.in_channels
    for i, (depth, width) in enumerate(zip(architecture.depths, architecture.channels, strict=True)):
        conv, norm, side = ("0.0", "0.1", 4) if i == 0 else (f"{i}.1", f"{i}.0", 2)
        _add(shapes, f"backbone.downsample_layers.{conv}", (width, before, side, side))
        _add(shapes, f"backbone.downsample_layers.{norm}", (width if i == 0 else before,))
        for j in range(depth):
            block = f"backbone.stages.{i}.{j}."
            _add_block(shapes, block, width, architecture.use_grn)
            if architecture.layer_scale:
                shapes[block + "gamma"] = (width,)
        before = width
    return shapes


def _part_shapes(tensors: Mapping[str, Tensor], architecture: Architecture) -> dict[str, tuple[int, ...]]:
    """Shapes of the parts of which there is anything."""
    shapes: dict[str, tuple[int, ...]] = {}
    last = architecture.channels[-1]
    for i, width in enumerate(architecture.channels):
        if any(name.startswith(f"backbone.norm{i}.") for name in tensors):
            _add(shapes, f"backbone.norm{i}", (width,))
    if any(name.startswith("head.fc.") for name in tensors):
        classes = max(_length(tensors.get(f"head.fc.{p}")) for p in ("weight", "bias"))
        _add(shapes, "head.fc", (classes, last))
    blocks = [int(m[1]) for m in (re.match(r"decoder\.blocks\.(\d+)\.", name) for name in tensors) if m]
    if any(name.startswith("decoder.") for name in tensors):
        width = _length(tensors.get("decoder.mask_token"))
        shapes["decoder.mask_token"] = (width,)
        _add(shapes, "decoder.proj", (width, last))
        for j in range(max(blocks, default=0) + 1):
            _add_block(shapes, f"decoder.blocks.{j}.", width, use_grn=True)
        _add(shapes, "decoder.pred", (_PIXELS * architecture.in_channels, width))
    return shapes


def _add_block(shapes: dict[str, tuple[int, ...]], block: str, width: int, use_grn: bool) -> None:
    _add(shapes, block + "dwconv", (width, 1, 7, 7))
    _add(shapes, block + "norm", (width,))
    _add(shapes, block + "pwconv1", (4 * width, width))
    if use_grn:
        shapes |= {block + "grn.gamma": (4 * width,), block + "grn.beta": (4 * width,)}
    _add(shapes, block + "pwconv2", (width, 4 * width))


def _add(shapes: dict[str, tuple[int, ...]], layer: str, weight: tuple[int, ...]) -> None:
    """Require a layer with a weight of this shape and a bias as long as its first dimension."""
    shapes[layer + ".weight"] = weight
    shapes[layer + ".bias"] = weight[:1]


def _length(tensor: Tensor | None) -> int:
    """Return the first dimension; 0 of what is not there."""
    return 0 if tensor is None or tensor.ndim == 0 else len(tensor)

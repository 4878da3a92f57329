"""What a backbone gives: built from its config and run on an image without numbers, whatever its name is."""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from cnxv2_mm.swap import dry_run
from cnxv2_mm.swap.cells import cells_of_parameters
from cnxv2_mm.swap.refusal import SwapRefused, tell

# Two images, so that a result that is not one map per image shows.
NUM_IMAGES = 2
# Height and width. As flat as the crops of person re-identification, whose poolings have a fixed size; else, where
# windows do not fit or the size is fixed, what classifiers take. The usual strides divide all sides.
IMAGE_SIZES = ((256, 128), (256, 256), (224, 224), (384, 384))
# A share of a network's parameters that is no part of its design: those of a stem.
_FEW = 0.03


@dataclass(frozen=True)
class Source:
    """What a map of a backbone is computed from.

    Attributes:
        num_params: Number of parameters.
        one_stride: Hardly any of them (under 3 %) work on finer maps than this one: no pyramid leads to it, the whole
            network has its stride, as in a vision transformer.
    """

    num_params: int
    one_stride: bool


@dataclass(frozen=True)
class Maps:
    """The maps that one part of a model hands to the next, in that order.

    Attributes:
        shapes: (N, C, H, W) of each map, or (N, C) of a vector for each image.
        image_size: Height and width of the images that they are of, in pixels.
        sources: Of each map of the old backbone; empty where nobody asks. Maps are equal whatever theirs are.
    """

    shapes: tuple[dry_run.Shape, ...]
    image_size: tuple[int, int] = IMAGE_SIZES[0]
    sources: tuple[Source, ...] = field(default=(), compare=False)

    def only(self, kept: Sequence[int]) -> "Maps":
        """Those of the given indices."""
        shapes, sources = (tuple(values[i] for i in kept) if values else () for values in (self.shapes, self.sources))
        return Maps(shapes, self.image_size, sources)

    @property
    def channels(self) -> tuple[int, ...]:
        """C of each map."""
        return tuple(shape[1] for shape in self.shapes)

    @property
    def cells(self) -> tuple[dry_run.Shape, ...]:
        """(H, W) of each map, () of a vector."""
        return tuple(shape[2:] for shape in self.shapes)

    def empty(self) -> tuple[Tensor, ...]:
        """Return the maps, without numbers."""
        return tuple(torch.empty(shape, device="meta") for shape in self.shapes)


@dataclass(frozen=True)
class OldBackbone:
    """What the swap must know of the backbone that it replaces.

    Attributes:
        maps: What it returns.
        dilated: It has convolutions with holes: strides were traded for dilation, so that the last map comes from the
            last stage, whatever its stride.
        mixes_scales: Its finest map is computed from most of its parameters, the deep ones too: it is its own decoder.
        in_channels: Of the images.
        param_names: Of all its parameters.
    """

    maps: Maps
    dilated: bool
    mixes_scales: bool
    in_channels: int
    param_names: tuple[str, ...]


def measure(config: Mapping[str, Any], scope: str) -> OldBackbone:
    """Build a backbone and run it.

    Args:
        config: The backbone's.
        scope: The library whose types have no prefix.

    Raises:
        SwapRefused: It cannot be built, takes more than images, or returns something else than maps.
    """
    kind = config.get("type")
    name = kind if isinstance(kind, str) else getattr(kind, "__name__", str(kind))
    wrapped = [key for key, value in config.items() if key.startswith("backbone") and isinstance(value, Mapping)]
    if wrapped:
        raise SwapRefused(
            "wraps a backbone",
            f"{name} builds its paths around another backbone ({', '.join(wrapped)}): it is the method itself.",
        )
    try:
        module = dry_run.build(config, scope)
    except Exception as error:
        raise SwapRefused(
            "does not build", f"The config's own backbone {name} does not build: {tell(error)}."
        ) from error
    in_channels = config.get("in_channels", 3)
    maps, mixes_scales = _run(module, name, in_channels)
    dilated = any(isinstance(m, nn.Conv2d) and max(m.dilation) > 1 for m in module.modules())
    names = tuple(name for name, _ in module.named_parameters())
    return OldBackbone(maps, dilated, mixes_scales, in_channels, names)


def _run(module: nn.Module, name: str, in_channels: int) -> tuple[Maps, bool]:
    """Return the maps, and whether the finest one mixes scales."""
    refusal: SwapRefused | None = None
    for size in IMAGE_SIZES:
        images = torch.empty(NUM_IMAGES, in_channels, *size, device="meta")
        try:
            inspect.signature(module.forward).bind(images)
        except TypeError as error:
            raise SwapRefused("takes more than images", f"{name} takes more than images: {error}.") from error
        try:
            in_training = _outputs(module, images, training=True)
            with cells_of_parameters(module) as cells:
                outputs = _outputs(module, images, training=False)
        except Exception as error:
            refusal = refusal or SwapRefused("does not run", f"{name} does not run on an image alone: {tell(error)}.")
            continue
        shapes = dry_run.shapes_of(outputs)
        if dry_run.shapes_of(in_training) != shapes:
            raise SwapRefused(
                "other outputs in training",
                f"{name} returns {dry_run.shapes_of(in_training)} in training and {shapes} in evaluation, for "
                f"{NUM_IMAGES} images: it is the method itself.",
            )
        _check(name, shapes)
        sources = tuple(_source(x, cells) for x in outputs)
        return Maps(shapes, size, sources), _mixes_scales(outputs)
    assert refusal is not None
    raise refusal


def _outputs(module: nn.Module, images: Tensor, training: bool) -> Any:
    module.train(training)
    module.requires_grad_(True)  # what is frozen counts as computed from parameters too
    return dry_run.run(module, images, with_graph=True)


def _source(result: Tensor, cells: Mapping[nn.Parameter, float]) -> Source:
    behind = dry_run.parameters_behind(result)
    # Twice the cells: class tokens and padded windows add some, half the stride has four times as many.
    finer = dry_run.count(p for p in behind if cells.get(p, 0) > 2 * result.shape[2:].numel())
    total = dry_run.count(behind)
    return Source(total, one_stride=finer < _FEW * total)


def _mixes_scales(maps: Sequence[Tensor]) -> bool:
    finest = max(maps, key=lambda x: x.shape[2:].numel())
    everything = set().union(*map(dry_run.parameters_behind, maps))
    return len(maps) > 1 and 2 * dry_run.count(dry_run.parameters_behind(finest)) > dry_run.count(everything)


def _check(name: str, shapes: dry_run.Shapes) -> None:
    is_list = isinstance(shapes, tuple) and shapes and all(isinstance(shape, tuple) for shape in shapes)
    if not is_list or not all(len(shape) in (2, 4) and shape[0] == NUM_IMAGES for shape in shapes):
        raise SwapRefused(
            "other outputs",
            f"{name} returns {shapes} for {NUM_IMAGES} images instead of a list of maps, one for each image.",
        )

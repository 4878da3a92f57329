"""Measures a backbone, whatever its class: it is built from its config and run on images without numbers."""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from cnxv2_mm.config.entry import type_name
from cnxv2_mm.swap import dry_run
from cnxv2_mm.swap.cells import cells_of_parameters
from cnxv2_mm.swap.dry_run import Failure, try_run
from cnxv2_mm.swap.refusal import SwapRefused

# With two images a result that is not one map for each image can be recognised.
NUM_IMAGES = 2
# Heights and widths that are tried, in pixels; the usual strides divide them all. The first is the shape of the crops
# of person re-identification, whose poolings have a fixed size. The others are sizes that classifiers take: for
# networks whose windows do not fit into the first size, or that take one size only.
IMAGE_SIZES = ((256, 128), (256, 256), (224, 224), (384, 384))
# The largest share of a network's parameters that its stem may have.
_STEM_SHARE = 0.03


@dataclass(frozen=True)
class Source:
    """What a map of a backbone is computed from.

    Attributes:
        num_params: Number of parameters.
        one_stride: Whether less than 3 % of them work on finer maps than this one. Then the whole network has one
            stride, as a vision transformer has, and no pyramid of stages leads to the map.
    """

    num_params: int
    one_stride: bool


@dataclass(frozen=True)
class Maps:
    """The maps that one part of a model hands to the next, in order.

    Attributes:
        shapes: (N, C, H, W) of each map, or (N, C) if it is one vector for each image.
        image_size: Height and width of the images, in pixels.
        sources: What each map of the old backbone is computed from; empty for other parts. They do not count in
            comparisons.
    """

    shapes: tuple[dry_run.Shape, ...]
    image_size: tuple[int, int] = IMAGE_SIZES[0]
    sources: tuple[Source, ...] = field(default=(), compare=False)

    def only(self, kept: Sequence[int]) -> "Maps":
        """Return the maps of some indices."""
        sources = tuple(self.sources[i] for i in kept) if self.sources else ()
        return Maps(tuple(self.shapes[i] for i in kept), self.image_size, sources)

    @property
    def channels(self) -> tuple[int, ...]:
        """C of each map."""
        return tuple(shape[1] for shape in self.shapes)

    @property
    def cells(self) -> tuple[dry_run.Shape, ...]:
        """(H, W) of each map, () of a vector."""
        return tuple(shape[2:] for shape in self.shapes)

    def empty(self) -> tuple[Tensor, ...]:
        """Return tensors of these shapes on the meta device."""
        return tuple(torch.empty(shape, device="meta") for shape in self.shapes)


@dataclass(frozen=True)
class OldBackbone:
    """What the swap must know about the backbone that it replaces.

    Attributes:
        maps: The maps that it returns.
        dilated: Whether it has dilated convolutions. Then they replace strides, and the last map comes from the last
            stage, whatever its stride.
        mixes_scales: Whether its finest map is computed from more than half of its parameters, those of the coarse
            scales included. Then the backbone is its own decoder.
        in_channels: Channels of the images.
        param_names: Names of its parameters.
    """

    maps: Maps
    dilated: bool
    mixes_scales: bool
    in_channels: int
    param_names: tuple[str, ...]


def measure(config: Mapping[str, Any], scope: str) -> OldBackbone:
    """Build a backbone and run it.

    Args:
        config: The backbone's config.
        scope: The library whose types need no prefix.

    Raises:
        SwapRefused: It cannot be built, takes more than images, or returns something else than maps.
    """
    name = type_name(config)
    wrapped = [key for key, value in config.items() if key.startswith("backbone") and isinstance(value, Mapping)]
    if wrapped:
        raise SwapRefused(
            "wraps a backbone",
            f"{name} builds its paths around another backbone ({', '.join(wrapped)}): it is the method itself.",
        )
    module = try_run(f"building the backbone {name}", dry_run.build, config, scope)
    if isinstance(module, Failure):
        raise SwapRefused(
            "does not build", f"The config's own backbone {name} does not build: {module}."
        ) from module.error
    in_channels = config.get("in_channels", 3)
    maps, mixes_scales = _run(module, name, in_channels)
    dilated = any(isinstance(m, nn.Conv2d) and max(m.dilation) > 1 for m in module.modules())
    names = tuple(name for name, _ in module.named_parameters())
    return OldBackbone(maps, dilated, mixes_scales, in_channels, names)


def _run(module: nn.Module, name: str, in_channels: int) -> tuple[Maps, bool]:
    """Return the maps of a backbone, and whether the finest one mixes scales."""
    failures: list[Failure] = []
    for size in IMAGE_SIZES:
        images = torch.empty(NUM_IMAGES, in_channels, *size, device="meta")
        try:
            inspect.signature(module.forward).bind(images)
        except TypeError as error:
            raise SwapRefused("takes more than images", f"{name} takes more than images: {error}.") from error
        measured = try_run(f"running the backbone {name} on images of {size}", _measure, module, images)
        if isinstance(measured, Failure):
            failures.append(measured)
            continue
        shapes = dry_run.shapes_of(measured.outputs)
        if measured.shapes_in_training != shapes:
            raise SwapRefused(
                "other outputs in training",
                f"{name} returns {measured.shapes_in_training} in training and {shapes} in evaluation, for "
                f"{NUM_IMAGES} images: it is the method itself.",
            )
        _check(name, shapes)
        sources = tuple(_source(x, measured.cells) for x in measured.outputs)
        return Maps(shapes, size, sources), _mixes_scales(measured.outputs)
    first = failures[0]
    raise SwapRefused("does not run", f"{name} does not run on an image alone: {first}.") from first.error


@dataclass(frozen=True)
class _Measured:
    """What a backbone returned.

    Attributes:
        shapes_in_training: Shapes of its outputs in training.
        outputs: Its outputs in evaluation, with their graph.
        cells: How many cells of an image each parameter works on.
    """

    shapes_in_training: dry_run.Shapes
    outputs: Any
    cells: Mapping[nn.Parameter, float]


def _measure(module: nn.Module, images: Tensor) -> _Measured:
    in_training = _outputs(module, images, training=True)
    with cells_of_parameters(module) as cells:
        outputs = _outputs(module, images, training=False)
    return _Measured(dry_run.shapes_of(in_training), outputs, cells)


def _outputs(module: nn.Module, images: Tensor, training: bool) -> Any:
    module.train(training)
    module.requires_grad_(True)  # frozen parameters count too
    return dry_run.run(module, images, with_graph=True)


def _source(result: Tensor, cells: Mapping[nn.Parameter, float]) -> Source:
    behind = dry_run.parameters_behind(result)
    # Half the stride makes four times the cells. Class tokens and padded windows add some cells, so twice is the limit.
    finer = dry_run.count(p for p in behind if cells.get(p, 0) > 2 * result.shape[2:].numel())
    total = dry_run.count(behind)
    return Source(total, one_stride=finer < _STEM_SHARE * total)


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
